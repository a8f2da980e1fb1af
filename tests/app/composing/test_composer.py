"""Typing: what sends, what breaks the line, what stays."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.composing.composer import Composer
from tests.app.scripted import ScriptedSession, endless
from tests.app.stage import Start


def composer(qtbot: QtBot) -> tuple[Composer, list[str]]:
    made = Composer()
    qtbot.addWidget(made)
    made.resize(500, 60)
    made.show()
    made.field.setFocus()
    sent: list[str] = []
    made.submitted.connect(sent.append)
    return made, sent


def test_enter_sends_and_shift_enter_breaks_the_line(qtbot: QtBot) -> None:
    """Guards: a line break that sends, and Enter that breaks the line."""
    made, sent = composer(qtbot)
    QTest.keyClicks(made.field, "one")
    QTest.keyClick(made.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(made.field, "two")
    assert sent == []
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    QTest.keyClick(made.field, Qt.Key.Key_Enter)
    assert sent == ["one\ntwo", "one\ntwo"]
    assert made.text == "one\ntwo"  # it leaves only once the question was taken


def test_enter_that_ends_a_composition_does_not_send(qtbot: QtBot) -> None:
    """Guards: half-written Japanese or Chinese sent by the key that commits a word."""
    made, sent = composer(qtbot)
    QApplication.sendEvent(made.field, QInputMethodEvent("にほん", []))
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    commit = QInputMethodEvent("", [])
    commit.setCommitString("日本")
    QApplication.sendEvent(made.field, commit)
    QTest.keyClick(made.field, Qt.Key.Key_Return)  # the same key press, delivered after its commit
    assert sent == []
    assert made.text == "日本"
    qtbot.wait(10)
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    assert sent == ["日本"]


def test_nothing_but_space_is_not_sent(qtbot: QtBot) -> None:
    """Guards: empty questions."""
    made, sent = composer(qtbot)
    assert not made.button.isEnabled()
    QTest.keyClicks(made.field, "  ")
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    assert sent == []


def test_enter_can_be_left_to_lines(qtbot: QtBot) -> None:
    """Guards: a setting that changes nothing, that takes the last way to send, or a hint that names the wrong key."""
    made, sent = composer(qtbot)
    made.send_with("ctrl")
    QTest.keyClicks(made.field, "a")
    QTest.keyClick(made.field, Qt.Key.Key_Return)
    QTest.keyClicks(made.field, "b")
    assert sent == []
    assert made.button.toolTip() == "Send (Ctrl+Enter)"
    QTest.keyClick(made.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert sent == ["a\nb"]


def test_the_field_grows_and_then_scrolls(qtbot: QtBot) -> None:
    """Guards: a field that hides what is typed, or that pushes the conversation away."""
    made, _ = composer(qtbot)
    heights = []
    for lines in (1, 4, 8, 40):
        made.field.setPlainText("\n".join(["x"] * lines))
        heights.append(made.field.height())
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_pasted_markup_is_plain_text(qtbot: QtBot) -> None:
    """Guards: pasted formatting in a question."""
    made, _ = composer(qtbot)
    assert not made.field.acceptRichText()


def test_what_is_typed_during_an_answer_stays(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: Enter during an answer losing the text, or asking twice; Escape that does not stop."""
    session.play, session.delay = (lambda _: endless()), 0.003
    running = start()
    window = running.window
    window.composer.field.setPlainText("First")
    QTest.keyClick(window.composer.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: running.chat.flight.tally.tokens > 0)
    assert window.composer.button.text() == "Stop"
    QTest.keyClicks(window.composer.field, "Second")
    QTest.keyClick(window.composer.field, Qt.Key.Key_Return)
    assert window.composer.text == "Second"
    assert len(running.chat.current.conversation.messages) == 1
    assert window.footer.waiting.strip.isVisible()
    window.footer.waiting.strip.cancel.click()
    assert not window.footer.waiting.strip.isVisible()
    window.activateWindow()
    with qtbot.waitSignal(running.chat.answered, timeout=2000):
        QTest.keyClick(window.composer.field, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.composer.button.text() == "Send")
    assert window.composer.text == "Second"


@pytest.mark.parametrize("pixels", [14, 32])
def test_what_stands_in_the_field_fits_it(qtbot: QtBot, pixels: int) -> None:
    """Guards: a narrow window that says "Ask anything. Nothing", or cuts the button off."""
    made, _ = composer(qtbot)
    made.setStyleSheet(f"* {{ font-size: {pixels}px; }}")
    made.show_context(139, 2048)

    def fits() -> None:
        said = made.field.placeholderText()
        assert made.field.fontMetrics().horizontalAdvance(said) <= made.field.viewport().width(), said
        assert made.rect().contains(made.button.geometry())
        assert made.button.width() >= made.button.sizeHint().width()

    for width in (900, 440):
        made.resize(width, 60)
        qtbot.waitUntil(fits)


def test_what_is_sent_during_an_answer_is_asked_next(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: Enter during an answer ignored without a word; half a sentence sent because an answer ended."""
    session.delay = 0.01
    running = start()
    window, chat = running.window, running.chat
    window.composer.show_text("First")
    window.composer.field.entered.emit()
    window.composer.show_text("Second")
    window.composer.field.entered.emit()
    assert window.footer.waiting.strip.isVisible()
    qtbot.waitUntil(lambda: len(session.asked) == 2 and not chat.busy)
    assert [text for role, text in session.asked[1] if role == "user"] == ["First", "Second"]
    assert window.composer.text == ""
    assert not window.footer.waiting.strip.isVisible()
    window.composer.show_text("Third")
    window.composer.field.entered.emit()
    window.composer.show_text("Fourth")
    window.composer.field.entered.emit()
    window.composer.field.insertPlainText(" and")
    assert not window.footer.waiting.strip.isVisible()
    qtbot.waitUntil(lambda: not chat.busy)
    qtbot.wait(20)
    assert len(session.asked) == 3
    assert window.composer.text.strip() != ""


def test_a_waiting_question_stays_with_its_chat(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a question asked in another chat than it was written in, because that one was opened meanwhile."""
    session.play, session.delay = (lambda _: endless()), 0.003
    running = start()
    window = running.window
    window.composer.show_text("First")
    window.composer.field.entered.emit()
    qtbot.waitUntil(lambda: running.chat.flight.tally.tokens > 0)
    window.composer.show_text("Second")
    window.composer.field.entered.emit()
    running.chat.start_new()
    qtbot.wait(50)
    assert len(session.asked) == 1
    assert window.composer.text == ""
    assert not window.footer.waiting.strip.isVisible()
