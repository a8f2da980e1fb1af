"""Every token in its place, and the reader's way from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.ink.marks import Mark, inks, mark_of, text_format
from app.ink.token_card import TokenCard
from app.ink.trace import Trace
from app.log.folding import FROM, SHOWN
from app.log.ledger import Ledger
from app.log.token_fate import fate_of
from app.look.palette import DARK, LIGHT, Palette
from engine.events import Drafting, Finished, LevelInfo, Round, Token
from tests.app.log.logs import STARTED, TOLD, ledger
from tests.app.scripted import LEVELS, round_of, token

CORRECTED = (
    token("Once"),
    token(" there", 0, 0, rejected_by=1),
    token(" upon", 1, 2),
    token(" day", 0, 1, rejected_by=2),
    token(" after", 0, 1, discarded=True),
    token(" a", 2, 2),
)


class Log:
    """A trace and the ledger it shows."""

    def __init__(self, qtbot: QtBot) -> None:
        self.ledger = Ledger()
        self.ledger.add([STARTED])
        self.view = Trace(self.ledger, LIGHT)
        qtbot.addWidget(self.view)
        self.view.resize(400, 300)

    def grow(self, settled: Sequence[Token], pending: Sequence[Token] = ()) -> None:
        if settled:
            self.ledger.add([round_of(len(self.ledger.rounds), settled, 0.0)])
        self.ledger.add([Drafting(tuple(pending))])
        self.view.catch_up()


@pytest.fixture
def log(qtbot: QtBot) -> Log:
    return Log(qtbot)


def test_every_token_is_in_its_place(log: Log) -> None:
    """Guards: a token drawn with another level's mark, a ghost out of place, one that vanishes without a trace."""
    log.grow(CORRECTED, [token(" time", 0, 0)])
    assert [(text.strip(), mark.value) for text, mark in log.view.shown] == [
        ("Once", "drafted"),
        ("there", "rejected"),
        ("upon", "corrected"),
        ("day", "rejected"),
        ("after", "discarded"),
        ("a", "written"),
        ("time", "pending"),
    ]
    assert _struck(log.view) == ["there", "day", "after"]


def _struck(view: Trace) -> list[str]:
    found = []
    fragments = view.document().begin().begin()
    while not fragments.atEnd():
        if fragments.fragment().charFormat().fontStrikeOut():
            found.append(fragments.fragment().text())
        fragments += 1
    return found


def wide(dropped: int) -> tuple[Token, ...]:
    """Return a round of a window that breaks early: one token stands, so many behind it do not."""
    ghosts = (token(f" x{at}", 0, 1, discarded=True) for at in range(dropped - 1))
    return (token("Once"), token(" there", 0, 1, rejected_by=2), *ghosts, token(" upon", 2, 2))


def test_of_many_dropped_tokens_a_count_is_shown(log: Log, qtbot: QtBot) -> None:
    """Guards: an answer nobody can find between a hundred dropped guesses a round; tokens that lose their place."""
    log.grow(wide(FROM - 1))
    assert "more" not in log.view.toPlainText()
    log.grow(wide(100))
    log.grow(CORRECTED)
    assert f"x{SHOWN - 2} … {100 - SHOWN} more  upon" in log.view.toPlainText()
    assert [text.strip() for text, _ in log.view.shown][-6:] == [each.text.strip() for each in CORRECTED]
    assert len(log.view.shown) == len(log.ledger.tokens)
    in_pieces = Trace(log.ledger, LIGHT)
    qtbot.addWidget(in_pieces)
    while in_pieces.behind:
        in_pieces.catch_up(7)
    assert in_pieces.toPlainText() == log.view.toPlainText()


def test_the_count_opens_what_it_stands_for(log: Log) -> None:
    """Guards: tokens that can be reached by no key and no click."""
    log.grow(wide(60))
    log.view.show()
    count, last = 1 + SHOWN, len(log.ledger.tokens) - 1
    log.view.setFocus(Qt.FocusReason.OtherFocusReason)
    for _ in range(count + 1):
        QTest.keyClick(log.view, Qt.Key.Key_Right)
    assert log.view.at == count
    QTest.keyClick(log.view, Qt.Key.Key_Right)
    assert log.view.at == last, "what is not shown is passed over"
    QTest.keyClick(log.view, Qt.Key.Key_Left)
    assert log.view.at == count
    QTest.keyClick(log.view, Qt.Key.Key_Return)
    assert "more" not in log.view.toPlainText()
    assert "x58" in log.view.toPlainText()
    assert log.view.at == count
    QTest.keyClick(log.view, Qt.Key.Key_Right)
    assert log.view.at == count + 1


def test_looked_up_tokens_have_their_own_mark() -> None:
    """Guards: copied text shown as if a model had drafted it."""
    levels = (LevelInfo("Lookup", "", "lookup"), LevelInfo("Target", "16 layers", "model"))
    assert mark_of(token("x", 0, 1), levels) is Mark.LOOKED_UP
    assert mark_of(token("x", 1, 1), levels) is Mark.WRITTEN


def test_a_draft_is_replaced_by_the_next(log: Log) -> None:
    """Guards: pending tokens piling up, or staying behind once they were settled."""
    log.grow([], [token("One", 0, 0)])
    log.grow([], [token("One", 0, 0), token(" two", 0, 0)])
    assert log.view.toPlainText() == "One two"
    log.grow([token("One"), token(" three", 2, 2)])
    assert log.view.toPlainText() == "One three"


def test_catching_up_in_pieces_is_catching_up(log: Log, qtbot: QtBot) -> None:
    """Guards: tokens lost or doubled where a trace is written at leisure while the reply still grows."""
    for index in range(5):
        log.ledger.add([round_of(index, CORRECTED, 0.0), Drafting((token(" pending", 0, 0),))])
        log.view.catch_up(4)
    while log.view.behind:
        log.view.catch_up(4)
    at_once = Trace(log.ledger, LIGHT)
    qtbot.addWidget(at_once)
    at_once.catch_up()
    assert log.view.shown == at_once.shown
    assert log.view.toPlainText().endswith(" pending")


def test_copying_leaves_out_what_is_not_part_of_the_answer(log: Log) -> None:
    """Guards: struck-through proposals and drafts in progress on the clipboard; astral characters cut in half."""
    log.grow([*CORRECTED, token(" 🦊\nfox", 0, 2), token(" ran", 0, 1, rejected_by=2)], [token(" far", 0, 0)])
    log.view.selectAll()
    log.view.copy()
    assert QApplication.clipboard().text() == "Once upon a 🦊\nfox"


def test_part_of_an_answer_can_be_copied(log: Log) -> None:
    """Guards: offsets that count characters where Qt counts UTF-16 units."""
    log.grow([token("🦊🦊 fox"), token(" day", 0, 0, rejected_by=1), token(" den", 1, 2)])
    cursor = log.view.textCursor()
    cursor.setPosition(2)
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    log.view.setTextCursor(cursor)
    log.view.copy()
    assert QApplication.clipboard().text() == "🦊 fox den"


def test_a_selection_survives_growth(log: Log, qtbot: QtBot) -> None:
    """Guards: the reader's selection growing, moving or vanishing while text is appended."""
    log.grow([token("Once upon")], [token(" a", 0, 0)])
    cursor = log.view.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(9, QTextCursor.MoveMode.KeepAnchor)
    log.view.setTextCursor(cursor)
    log.grow([token(" the")], [token(" hill", 0, 0)])
    assert log.view.textCursor().selectedText() == "Once upon"
    fresh = Log(qtbot)
    fresh.grow([token("Once")])
    fresh.grow([token(" more")])
    assert not fresh.view.textCursor().hasSelection()


def test_a_reply_that_ends_earlier_is_written_anew(log: Log) -> None:
    """Guards: text behind a stop text that stays in view."""
    log.grow([token("Yes."), token(" was", 0, 0, rejected_by=1), token(" User:", 1, 2)])
    assert log.ledger.add([Finished("Yes.", 1, 0.1, 10, "stop", 0, None)])
    log.view.rebuild()
    assert log.view.shown == [("Yes.", Mark.DRAFTED), (" was", Mark.REJECTED)]


def test_marks_are_painted_and_differ_without_colour(qtbot: QtBot) -> None:
    """Guards: two marks that only colour tells apart, and marks that are not painted at all."""
    coloured = ("target", "intermediate", "draft", "lookup", "rejected", "muted", "text")
    grey = replace(DARK, **dict.fromkeys(coloured, "#777777"))  # type: ignore[arg-type]

    def look(mark: Mark, *, faint: bool) -> tuple[bytes, bool, bool]:
        image = QImage(60, 30, QImage.Format.Format_RGB32)
        image.fill(QColor(DARK.background))
        painter = QPainter(image)
        inks(grey, faint=faint)[mark].paint(painter, [QRectF(5, 5, 50, 14)], 3)
        painter.end()
        letters = text_format(mark, grey, 14)
        return bytes(image.constBits()), letters.fontStrikeOut(), letters.fontItalic()

    for faint in (False, True):
        looks = [look(mark, faint=faint) for mark in Mark]
        assert len(set(looks)) == len(looks)


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_an_answer_changes_colours_in_place(log: Log, palette: Palette) -> None:
    """Guards: old answers left in the colours of the theme they were written in."""
    log.grow(CORRECTED)
    log.view.set_palette(palette)
    cursor = log.view.document().find("there")
    assert cursor.charFormat().foreground().color().name() == palette.rejected


def test_a_round_over_tokens_without_text(log: Log) -> None:
    """Guards: half a character, which has no text yet, leaving a mark of no width or an error."""
    log.grow([Token(0, "", 0, 2), token("é")])
    assert log.view.toPlainText() == "é"


@pytest.fixture
def walked(qtbot: QtBot) -> Trace:
    """A trace with the keyboard in it."""
    view = Trace(ledger(12), LIGHT)
    qtbot.addWidget(view)
    view.resize(300, 200)
    view.catch_up()
    view.show()
    qtbot.waitExposed(view)
    view.activateWindow()
    qtbot.waitUntil(view.hasFocus)
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    return view


def card(view: Trace) -> TokenCard | None:
    found = view.window().findChildren(TokenCard)
    return found[0] if found and found[0].isVisible() else None


def test_tokens_are_walked_by_keyboard(walked: Trace, qtbot: QtBot) -> None:
    """Guards: a trace only a mouse can read; ends that cannot be reached or overshot."""
    went: list[int] = []
    walked.chosen.connect(went.append)
    assert walked.at == 0
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_End, Qt.Key.Key_Right, Qt.Key.Key_Home):
        QTest.keyClick(walked, key)
    assert went == [1, 2, 1, 83, 83, 0]
    QTest.keyClick(walked, Qt.Key.Key_Left)
    assert walked.at == 0
    assert "Guessed by the guesser" in walked.accessibleDescription()


def test_lines_are_walked_too(walked: Trace) -> None:
    """Guards: Up and Down that do nothing, or that cannot be undone."""
    QTest.keyClick(walked, Qt.Key.Key_Down)
    below = walked.at
    assert below is not None
    assert below > 3
    QTest.keyClick(walked, Qt.Key.Key_Up)
    assert walked.at == 0
    QTest.keyClick(walked, Qt.Key.Key_Up)
    assert walked.at == 0


def test_the_card_follows_the_keyboard(walked: Trace, qtbot: QtBot) -> None:
    """Guards: a card about the token before, and one that stays when the keyboard leaves."""
    QTest.keyClick(walked, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: card(walked) is not None and "there" in card(walked).accessibleName())  # type: ignore[union-attr]
    shown = card(walked)
    assert shown is not None
    assert "rejected by the checker" in shown.accessibleName()
    assert walked.window().rect().contains(shown.geometry().topLeft())
    QTest.keyClick(walked, Qt.Key.Key_Escape)
    assert card(walked) is None
    QTest.keyClick(walked, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: card(walked) is not None)
    walked.clearFocus()
    assert card(walked) is None


def test_the_card_has_room_for_all_it_says(qtbot: QtBot) -> None:
    """Guards: "not asked" cut down to "asked" where another level's figures are long, or the letters large."""
    window = QWidget()
    qtbot.addWidget(window)
    window.setStyleSheet("font-size: 20px")
    window.resize(900, 600)
    window.show()
    shown = TokenCard(window)
    log = ledger(2, TOLD)
    for index in (13, 11, 13):
        shown.tell(fate_of(log, index, technical=True), log.levels, LIGHT, QRect(400, 300, 30, 20))
        shown.grab()  # as it is painted first
        labels = [label for label in shown.findChildren(QLabel) if not label.wordWrap() and label.isVisible()]
        assert len(labels) == 2 + 4 * 3
        assert all(label.width() >= label.sizeHint().width() for label in labels)
        assert window.rect().contains(shown.geometry())


def test_the_card_follows_the_mouse(walked: Trace, qtbot: QtBot) -> None:
    """Guards: hovering that shows a neighbour's card, or a click that chooses one."""
    went: list[int] = []
    walked.chosen.connect(went.append)
    cursor = walked.document().find("upon")
    cursor.setPosition(cursor.selectionStart() + 1)
    spot = walked.cursorRect(cursor).center()
    QTest.mouseMove(walked.viewport(), spot)
    qtbot.waitUntil(lambda: card(walked) is not None)
    assert "“ upon”" in card(walked).accessibleName()  # type: ignore[union-attr]
    QTest.mouseClick(walked.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert went == [2]
    QTest.mouseMove(walked.viewport(), QPoint(walked.width() - 1, walked.height() - 1))
    qtbot.waitUntil(lambda: card(walked) is None)


def test_text_is_still_selected_with_shift(walked: Trace) -> None:
    """Guards: arrow keys taken away from whoever wants to copy."""
    for _ in range(4):
        QTest.keyClick(walked, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert walked.textCursor().selectedText() == "Once"


def test_picked_tokens_are_outlined(walked: Trace) -> None:
    """Guards: a chosen bar whose tokens look like all others."""
    before = walked.grab().toImage()
    reached: list[object] = []
    walked.reached.connect(reached.append)
    walked.pick([2, 3])
    assert reached
    assert walked.picked == {2, 3}
    assert walked.grab().toImage() != before


def test_marks_fade_in_or_appear_at_once(walked: Trace, qtbot: QtBot) -> None:
    """Guards: motion where none is wanted, and a fade that never ends."""

    def settle() -> float:
        log = walked._ledger
        log.add([Round(len(log.rounds), (token(" more"),), (), " more", 1.0, 0.1)])
        walked.catch_up()
        return walked._fade.shade

    assert settle() < 1
    qtbot.waitUntil(lambda: walked._fade.shade == 1)
    walked.set_motion(False)
    assert settle() == 1


def test_a_token_that_is_gone_is_not_where_the_reader_is(walked: Trace) -> None:
    """Guards: an error when the reply turns out to end before the token under the cursor."""
    QTest.keyClick(walked, Qt.Key.Key_End)
    walked._ledger.add([Finished("Once", 1, 0.1, 10, "stop", 0, None)])
    walked.rebuild()
    assert walked.at is None
    QTest.keyClick(walked, Qt.Key.Key_End)
    assert walked.at == len(walked._ledger.tokens) - 1


def test_the_levels_in_use_are_three() -> None:
    """Guards: a fixture that no longer says what its tests say."""
    assert len(LEVELS) == 3


def test_a_hidden_trace_is_laid_out_ahead(qtbot: QtBot) -> None:
    """Guards: the whole of a long trace laid out again once it is shown, which is when somebody waits."""
    view = Trace(ledger(60), LIGHT)
    qtbot.addWidget(view)
    view.lay_out(420)
    view.catch_up()
    ahead = view.height()
    assert view.document().textWidth() == 420
    view.resize(420, 100)
    with qtbot.waitExposed(view):
        view.show()
    assert view.height() == ahead
