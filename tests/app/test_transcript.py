"""What an answer looks like while it grows and afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QTextCharFormat, QTextCursor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.palette import DARK, LIGHT, Palette
from app.speculation.marked import MarkedText
from app.speculation.marks import MARK, Mark, inks, mark_of, text_format
from engine.events import Event, Finished, LevelInfo, Token
from tests.app.scripted import LEVELS, STORY, ScriptedSession, endless, plain, round_of, token
from tests.app.stage import Ask, Start


def marked(qtbot: QtBot, *, shown: bool = True) -> MarkedText:
    view = MarkedText(LIGHT, marked=shown)
    qtbot.addWidget(view)
    view.begin(LEVELS)
    view.resize(400, 300)
    return view


def runs(view: MarkedText) -> list[tuple[str, str]]:
    """Return (text, mark) of the document's fragments."""
    found = []
    block = view.document().begin()
    while block.isValid():
        fragments = block.begin()
        while not fragments.atEnd():
            fragment = fragments.fragment()
            found.append((fragment.text(), str(fragment.charFormat().property(MARK))))
            fragments += 1
        block = block.next()
    return found


CORRECTED = [
    token("Once"),
    token(" there", 0, 0, rejected_by=1),
    token(" upon", 1, 2),
    token(" day", 0, 1, rejected_by=2),
    token(" after", 0, 1, discarded=True),
    token(" a", 2, 2),
]


def test_every_mark_is_in_the_document(qtbot: QtBot) -> None:
    """Guards: a token drawn with another level's mark, a ghost out of place, a discarded token shown."""
    view = marked(qtbot)
    view.advance(CORRECTED, [token(" time", 0, 0)])
    joined = [(text.strip(), mark) for text, mark in runs(view) if text.strip()]
    assert joined == [
        ("Once", "drafted"),
        ("there", "rejected"),
        ("upon", "corrected"),
        ("day", "rejected"),
        ("a", "written"),
        ("time", "pending"),
    ]
    struck = [f for f in _fragments(view) if f[1].fontStrikeOut()]
    assert [text for text, _ in struck] == ["there", "day"]


def _fragments(view: MarkedText) -> list[tuple[str, QTextCharFormat]]:
    found = []
    fragments = view.document().begin().begin()
    while not fragments.atEnd():
        found.append((fragments.fragment().text(), fragments.fragment().charFormat()))
        fragments += 1
    return found


def test_looked_up_tokens_have_their_own_mark() -> None:
    """Guards: copied text shown as if a model had drafted it."""
    levels = (LevelInfo("Lookup", "", "lookup"), LevelInfo("Target", "16 layers", "model"))
    assert mark_of(token("x", 0, 1), levels) is Mark.LOOKED_UP
    assert mark_of(token("x", 1, 1), levels) is Mark.WRITTEN


def test_a_draft_is_replaced_by_the_next(qtbot: QtBot) -> None:
    """Guards: pending tokens piling up, or staying behind once they were settled."""
    view = marked(qtbot)
    view.advance([], [token("One", 0, 0)])
    view.advance([], [token("One", 0, 0), token(" two", 0, 0)])
    assert view.toPlainText() == "One two"
    view.advance([token("One"), token(" three", 2, 2)], [])
    assert view.toPlainText() == "One three"


def test_copying_leaves_out_what_is_not_part_of_the_answer(qtbot: QtBot) -> None:
    """Guards: struck-through proposals and drafts in progress on the clipboard; astral characters cut in half."""
    view = marked(qtbot)
    view.advance([*CORRECTED, token(" 🦊\nfox", 0, 2), token(" ran", 0, 1, rejected_by=2)], [token(" far", 0, 0)])
    view.selectAll()
    view.copy()
    assert QApplication.clipboard().text() == "Once upon a 🦊\nfox"
    view.copy_answer()
    assert QApplication.clipboard().text() == "Once upon a 🦊\nfox"


def test_part_of_an_answer_can_be_copied(qtbot: QtBot) -> None:
    """Guards: offsets that count characters where Qt counts UTF-16 units."""
    view = marked(qtbot)
    view.advance([token("🦊🦊 fox"), token(" day", 0, 0, rejected_by=1), token(" den", 1, 2)], [])
    cursor = view.textCursor()
    cursor.setPosition(2)
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    assert view.selected_answer() == "🦊 fox den"


def test_marks_come_off_and_on_again(qtbot: QtBot) -> None:
    """Guards: ghosts left behind when highlighting is switched off, or lost when it is switched on again."""
    view = marked(qtbot)
    view.advance(CORRECTED, [])
    before = runs(view)
    view.show_marks(False)
    assert view.toPlainText() == "Once upon a"
    view.show_marks(True)
    assert runs(view) == before


def test_a_selection_survives_growth(qtbot: QtBot) -> None:
    """Guards: the reader's selection growing, moving or vanishing while text is appended."""
    view = marked(qtbot)
    view.advance([token("Once upon")], [token(" a", 0, 0)])
    cursor = view.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(9, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    view.advance([token(" the")], [token(" hill", 0, 0)])
    assert view.textCursor().selectedText() == "Once upon"
    fresh = marked(qtbot)
    fresh.advance([token("Once")], [])
    fresh.advance([token(" more")], [])
    assert not fresh.textCursor().hasSelection()


def test_tokens_behind_a_stop_text_are_taken_back(qtbot: QtBot) -> None:
    """Guards: text shown that is not in the answer's final form."""
    view = marked(qtbot)
    view.advance([token("Yes."), token(" was", 0, 0, rejected_by=1), token(" User:", 1, 2)], [])
    view.trim("Yes. U")
    assert view.answer() == "Yes. U"
    view.trim("Yes.")
    assert view.answer() == "Yes."


def test_marks_are_painted_and_differ_without_colour(qtbot: QtBot) -> None:
    """Guards: two marks that only colour tells apart, and marks that are not painted at all."""
    grey = replace(DARK, **dict.fromkeys(COLOURED, "#777777"))  # type: ignore[arg-type]

    def look(mark: Mark) -> tuple[bytes, bool, bool]:
        image = QImage(60, 30, QImage.Format.Format_RGB32)
        image.fill(QColor(DARK.background))
        painter = QPainter(image)
        inks(grey)[mark].paint(painter, [QRectF(5, 5, 50, 14)], 3)
        painter.end()
        letters = text_format(mark, grey, 14)
        return bytes(image.constBits()), letters.fontStrikeOut(), letters.fontItalic()

    looks = [look(mark) for mark in Mark]
    assert len(set(looks)) == len(looks)


COLOURED = ("target", "intermediate", "draft", "lookup", "rejected", "muted", "text")


def test_an_answer_in_the_window(start: Start, ask: Ask) -> None:
    """Guards: the way from a typed question to a marked answer broken anywhere."""
    running = start()
    ask(running, "Tell me a story.")
    answer = running.window.transcript.answers[-1]
    assert answer.text.answer() == STORY
    marks = {mark for _, mark in runs(answer.text)}
    assert {"drafted", "corrected", "written", "rejected"} <= marks
    assert "pending" not in marks
    for part in ("42 tokens", "1.6× plain", "exact"):
        assert part in answer.status.text()
    assert "drafting" not in answer.status.text()
    assert running.window.composer.text == ""


def test_plain_decoding_has_no_marks(start: Start, ask: Ask, session: ScriptedSession) -> None:
    """Guards: every token of plain decoding underlined as "written by the target"."""
    session.play = lambda _: plain()
    running = start()
    ask(running, "Tell me a story.")
    assert {mark for _, mark in runs(running.window.transcript.answers[-1].text)} == {"bare"}


def test_highlighting_is_one_switch_for_old_answers_too(start: Start, ask: Ask) -> None:
    """Guards: the switch reaching only the answer in flight."""
    running = start()
    ask(running, "One")
    ask(running, "Two")
    running.window.highlight.trigger()
    for answer in running.window.transcript.answers:
        assert answer.text.toPlainText() == STORY


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
    assert running.window.transcript.answers[-1].text.toPlainText() == "<b>bold</b> <img src=x>"


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_an_answer_changes_colours_in_place(qtbot: QtBot, palette: Palette) -> None:
    """Guards: old answers left in the colours of the theme they were written in."""
    view = marked(qtbot)
    view.advance(CORRECTED, [])
    view.set_palette(palette)
    ghost = next(form for text, form in _fragments(view) if text == "there")
    assert ghost.foreground().color().name() == palette.rejected


def test_a_round_over_tokens_without_text(qtbot: QtBot) -> None:
    """Guards: half a character, which has no text yet, leaving a mark of no width or an error."""
    view = marked(qtbot)
    view.advance(round_of(0, [Token(0, "", 0, 2), token("é")], 0.0).tokens, [])
    assert view.toPlainText() == "é"
