"""Finding words in the conversation shown."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTextEdit
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.store import Store
from app.ink.marks import OUTSIDE_PROPERTY
from app.look.palette import DARK, DARK_SAFE, LIGHT, LIGHT_SAFE, blend, contrast
from app.messages.find import find
from tests.app.conversations.test_store import answered, keep
from tests.app.scripted import ScriptedSession, plain
from tests.app.stage import Ask, Start


def spans(text: QTextEdit, words: str) -> list[str]:
    found = []
    for match in find(text, words):
        cursor = QTextCursor(text.document())
        cursor.setPosition(match.first)
        cursor.setPosition(match.last, QTextCursor.MoveMode.KeepAnchor)
        found.append(cursor.selectedText())
    return found


def test_case_emoji_and_lines(qtbot: QtBot) -> None:
    """Guards: matches shifted by characters outside the basic plane; words over two lines not found; patterns taken
    for regular expressions."""
    text = QTextEdit()
    qtbot.addWidget(text)
    text.setPlainText("Hello 😀😀 World (a+b)\nhello\nworld of hello😀")
    assert spans(text, "hello") == ["Hello", "hello", "hello"]
    assert spans(text, "😀 WORLD") == ["😀 World"]
    assert spans(text, "hello world") == ["hello\u2029world"]
    assert spans(text, "(a+b)") == ["(a+b)"]
    assert spans(text, "hello😀") == ["hello😀"]
    assert spans(text, "absent") == []


def test_ghosts_are_no_part_of_what_is_searched(qtbot: QtBot) -> None:
    """Guards: a rejected token that parts two words of the answer, or that is found itself."""
    text = QTextEdit()
    qtbot.addWidget(text)
    cursor = text.textCursor()
    cursor.insertText("Once upon")
    ghost = cursor.charFormat()
    ghost.setProperty(OUTSIDE_PROPERTY, "rejected")
    cursor.insertText(" there", ghost)
    ghost.clearProperty(OUTSIDE_PROPERTY)
    cursor.insertText(" a time", ghost)
    assert spans(text, "upon a time") == ["upon there a time"]
    assert spans(text, "there") == []


def test_going_from_match_to_match(start: Start, ask: Ask, session: ScriptedSession, qtbot: QtBot) -> None:
    """Guards: a wrong count, a step that does not scroll or go around, marks that stay when the bar is closed."""
    session.play = lambda _: plain("The fox ran. " * 3 + "word " * 3000 + "A fox slept.")
    running = start()
    window = running.window
    ask(running, "Where is the fox?")
    window.show()
    window.find_bar.open_for_selection()
    bar = window.find_bar
    assert bar.isVisible()
    QTest.keyClicks(bar.field, "FOX")
    qtbot.waitUntil(lambda: len(bar.matches) == 5)
    assert bar.count.text() == "1 of 5"
    QTest.keyClick(bar.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert bar.count.text() == "5 of 5"
    last = bar.current
    assert last is not None
    port = window.transcript.viewport()

    def in_view() -> bool:
        cursor = QTextCursor(last.text.document())
        cursor.setPosition(last.first)
        return port.rect().contains(last.text.viewport().mapTo(port, last.text.cursorRect(cursor).center()))

    assert in_view()
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.count.text() == "1 of 5"
    assert not in_view()
    assert sum(len(text.extraSelections()) for text in window.transcript.texts()) == 5
    QTest.keyClick(bar.field, Qt.Key.Key_Escape)
    assert not bar.isVisible()
    assert not any(text.extraSelections() for text in window.transcript.texts())


def test_a_growing_answer_is_searched_too(start: Start, ask: Ask, session: ScriptedSession, qtbot: QtBot) -> None:
    """Guards: a count that stands still while the answer grows; a search that holds on to messages that have gone."""
    session.play = lambda _: plain("one fox")
    running = start()
    window = running.window
    ask(running, "Hi")
    window.find_bar.open("fox")
    assert window.find_bar.count.text() == "1 of 1"
    ask(running, "And?")
    qtbot.waitUntil(lambda: window.find_bar.count.text() == "1 of 2")
    window.menus.actions["New chat"].trigger()
    QTest.qWait(1)  # let the messages go
    window.find_bar.set_palette(window.theme.palette)
    window.find_bar.open("fox")
    assert window.find_bar.count.text() == "no match"
    assert not window.find_bar.next.isEnabled()


def test_marks_come_back_when_a_text_is_written_anew(
    start: Start, ask: Ask, session: ScriptedSession, qtbot: QtBot
) -> None:
    """Guards: a count with no marks, after an answer was typeset or the view changed."""
    session.play = lambda _: plain("one fox, two foxes")
    running = start()
    window = running.window
    ask(running, "Hi")
    window.find_bar.open("fox")

    def marked() -> list[str]:
        selections = [mark for text in window.transcript.texts() for mark in text.extraSelections()]
        return [mark.cursor.selectedText() for mark in selections]

    assert marked() == ["fox", "fox"]
    for sheet in window.transcript.answers[-1].reading.sheets:
        sheet.rebuild()
    qtbot.waitUntil(lambda: marked() == ["fox", "fox"])
    for view in ("trace", "reading"):
        window.inspector.views[view].trigger()
        qtbot.waitUntil(lambda: marked() == ["fox", "fox"])


def test_matches_can_be_read() -> None:
    """Guards: text that cannot be read where it is marked."""
    for palette in (DARK, LIGHT, DARK_SAFE, LIGHT_SAFE):
        assert contrast(palette.on_accent, palette.target) >= 4.5
        assert contrast(palette.text, blend(palette.target, palette.background, 0.3)) >= 4.5


def test_closing_the_search_leaves_the_reader_at_the_match(
    start: Start, ask: Ask, session: ScriptedSession, qtbot: QtBot
) -> None:
    """Guards: the keyboard of a field that is hidden going to the first message, and the view with it."""
    session.play = lambda _: plain("word " * 400 + "A fox slept. " + "word " * 400)
    running = start()
    window = running.window
    for question in ("One", "Two"):
        ask(running, question)
    window.activateWindow()
    window.find_bar.open_for_selection()
    QTest.keyClicks(window.find_bar.field, "FOX")
    qtbot.waitUntil(lambda: len(window.find_bar.matches) == 2)
    window.find_bar.step(1)
    place = window.transcript.verticalScrollBar().value()
    assert place > 500
    QTest.keyClick(window.find_bar.field, Qt.Key.Key_Escape)
    qtbot.waitUntil(window.composer.field.hasFocus)
    qtbot.wait(20)
    assert abs(window.transcript.verticalScrollBar().value() - place) < 60


def test_a_long_chat_is_written_a_little_at_a_time(
    start: Start, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a window that stands still while three hundred messages are typeset to be searched; any left out."""
    monkeypatch.setattr("app.messages.transcript.SLICE", 0.0)
    store = Store(tmp_path / "data")
    talk = answered("Question 0", "A fox.")
    for n in range(1, 24):
        for message in answered(f"Question {n}", f"Answer {n} of the fox.").messages:
            talk = talk.plus(message)
    keep(store, talk)
    store.close()
    running = start(archive=Archive(tmp_path / "data"))
    window = running.window
    qtbot.waitUntil(lambda: running.archive.ready)
    running.chat.open_chat(talk.id)
    qtbot.waitUntil(lambda: len(window.transcript.rows) > 2)
    written = list[int]()
    show = window.transcript.write_more

    def counted() -> bool:
        written.append(len(window.transcript.texts()))
        return show()

    monkeypatch.setattr(window.find_bar, "_more", counted)
    window.find_bar.open("fox")
    qtbot.waitUntil(lambda: window.find_bar.count.text().endswith(" of 24"), timeout=20_000)
    steps = [later - before for before, later in pairwise(written)]
    assert len(steps) > 10
    assert max(steps) <= 8  # texts in one go


def test_folded_questions_are_searched(start: Start, ask: Ask, qtbot: QtBot) -> None:
    """Guards: words that are in a long question and are not found because it is folded."""
    running = start()
    ask(running, "line\n" * 100 + "needle")
    running.window.find_bar.open("needle")
    assert running.window.find_bar.count.text() == "1 of 1"
