"""What an answer in the window looks like while it grows and afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from engine.events import Event, Finished
from tests.app.scripted import STORY, ScriptedSession, endless, plain
from tests.app.stage import Ask, Start


def test_an_answer_in_the_window(start: Start, ask: Ask) -> None:
    """Guards: the way from a typed question to a marked answer broken anywhere."""
    running = start()
    ask(running, "Tell me a story.")
    answer = running.window.transcript.answers[-1]
    assert answer.source() == STORY
    assert answer.reading.sheet.toPlainText() == STORY
    running.window.inspector.switch.trigger()
    marks = {mark.value for _, mark in answer.trace.shown}
    assert {"drafted", "corrected", "written", "rejected"} <= marks
    assert "pending" not in marks
    for part in ("42 tokens", "about 1.6× (± 0.1) plain", "exact"):
        assert part in answer.status.text()
    assert "drafting" not in answer.status.text()
    assert running.window.composer.text == ""


def test_plain_decoding_has_no_marks(start: Start, ask: Ask, session: ScriptedSession) -> None:
    """Guards: every token of plain decoding underlined as "written by the target"."""
    session.play = lambda _: plain()
    running = start()
    ask(running, "Tell me a story.")
    assert {mark.value for _, mark in running.window.transcript.answers[-1].reading.sheet.marked_text} == {"bare"}


def test_highlighting_is_one_switch_for_old_answers_too(start: Start, ask: Ask) -> None:
    """Guards: the switch reaching only the answer in flight."""
    running = start()
    ask(running, "One")
    ask(running, "Two")
    answers = running.window.transcript.answers
    marked = [answer.reading.grab().toImage() for answer in answers]
    running.window.highlight.trigger()
    assert all(answer.reading.grab().toImage() != before for answer, before in zip(answers, marked, strict=True))


def numbers(session: ScriptedSession) -> None:
    session.play = lambda _: endless()
    session.delay = 0.002


def test_the_end_is_followed_only_by_who_is_there(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: text yanked away under a reader who scrolled up, and an end that is not followed."""
    numbers(session)
    running = start()
    window, bar = running.window, running.window.transcript.verticalScrollBar()
    window.resize(700, 420)
    window.chat.send("Count.")
    qtbot.waitUntil(lambda: bar.maximum() > 200)
    assert bar.value() == bar.maximum()
    middle = QPointF(window.transcript.viewport().rect().center())
    up = QWheelEvent(
        middle, middle, QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(window.transcript.viewport(), up)
    held, grown = bar.value(), bar.maximum()
    assert held < grown
    qtbot.waitUntil(lambda: bar.maximum() > grown + 60)
    assert bar.value() == held
    pill = window.transcript.findChild(type(window.composer.button), "pill")
    assert pill is not None
    assert pill.isVisible()
    QTest.mouseClick(pill, Qt.MouseButton.LeftButton)
    assert bar.value() == bar.maximum()
    grown = bar.maximum()
    qtbot.waitUntil(lambda: bar.maximum() > grown)
    assert bar.value() == bar.maximum()
    assert not pill.isVisible()


def test_a_reply_cut_at_its_limit_says_so(start: Start, ask: Ask, session: ScriptedSession) -> None:
    """Guards: an answer that breaks off in silence."""

    def short(_: object) -> Iterator[Event]:
        yield from islice(endless(), 2)
        yield Finished(" 0", 1, 0.02, 50.0, "length", 0.0, None)

    session.play = short
    running = start()
    ask(running, "Count.")
    assert "cut at the length limit" in running.window.transcript.answers[-1].status.text()


def test_markup_is_shown_as_text(start: Start, ask: Ask, session: ScriptedSession) -> None:
    """Guards: HTML from a question or a model rendered instead of shown."""
    session.play = lambda _: plain("<b>bold</b> <img src=x>")
    running = start()
    ask(running, "<i>hi</i>")
    assert running.window.transcript.answers[-1].reading.sheet.toPlainText() == "<b>bold</b> <img src=x>"


@pytest.mark.parametrize("size", [14, 24, 32])
@pytest.mark.parametrize("width", [480, 1280])
def test_nothing_below_a_message_is_cut_off(start: Start, ask: Ask, qtbot: QtBot, size: int, width: int) -> None:
    """Guards: actions with half their height, a line that ends in "1.7× pla", and text it pushes out of the window."""
    running = start()
    window = running.window
    running.preferences.change(font_size=size)
    window.resize(width, 800)
    ask(running, "One")
    turn = window.transcript.rows[-1]
    status = window.transcript.answers[-1].status
    qtbot.waitUntil(lambda: turn.width() <= window.transcript.viewport().width())

    def fits() -> None:
        for button in turn.findChildren(QPushButton):
            if button.isVisible():
                assert button.visibleRegion().boundingRect().size() == button.size(), button.text()
                assert button.height() >= button.sizeHint().height(), button.text()
        for line in status.text().splitlines():
            assert status.fontMetrics().horizontalAdvance(line) <= status.width(), line
        assert status.height() >= status.sizeHint().height()

    qtbot.waitUntil(fits)


def test_the_line_of_actions_is_as_high_without_them(start: Start, ask: Ask) -> None:
    """Guards: a conversation that moves under the pointer as what can be done with a message comes up."""
    running = start()
    running.preferences.change(font_size=32)
    ask(running, "One")
    question = running.window.transcript.rows[0]
    before = question.sizeHint().height()
    assert not question.redo.isVisible()
    question.body.text.setFocus(Qt.FocusReason.TabFocusReason)  # type: ignore[attr-defined]
    assert question.redo.isVisible()
    assert question.sizeHint().height() == before


def test_nothing_leads_to_the_end_where_it_is_in_view(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession
) -> None:
    """Guards: "Jump to latest" with nothing below, over the buttons of the last answer, after a change of view."""
    running = start()
    window, transcript = running.window, running.window.transcript
    ask(running, "Hi")
    pill = transcript.findChild(type(window.composer.button), "pill")
    assert pill is not None
    assert transcript.verticalScrollBar().maximum() == 0
    assert transcript.verticalScrollBar().maximum() == 0
    transcript._following = False  # left so by a longer view
    transcript._grown()
    assert not pill.isVisible()
    session.play = lambda _: plain("word " * 900)
    ask(running, "More")
    bar = transcript.verticalScrollBar()
    transcript.show_top(transcript.rows[0])
    qtbot.waitUntil(pill.isVisible)
    bar.setValue(bar.maximum() - 20)  # as much as the pill would cover
    assert not pill.isVisible()
