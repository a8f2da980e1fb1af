"""Typeset Markdown in a real document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from PySide6.QtCore import QObject, QRectF, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QTextBlock, QTextCharFormat, QTextCursor, QTextTable
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ink.marks import Mark
from app.look.palette import DARK, LIGHT
from app.reading.copying import CopyButton
from app.reading.cutting import PIECE
from app.reading.decoration import code_box
from app.reading.links import LinkQuestion
from app.reading.sheet import Sheet
from tests.app.reading.test_source import SAMPLES

CODE = "```python\ndef f(x):\n\n    return x  # one\n```"


@pytest.fixture
def sheet(qtbot: QtBot) -> Sheet:
    made = Sheet(LIGHT, marked=True)
    qtbot.addWidget(made)
    made.resize(600, 100)
    return made


def tokens(text: str) -> list[tuple[str, Mark]]:
    """Cut ``text`` into words with what stands before them, drafted and written in turn."""
    marks = (Mark.DRAFTED, Mark.WRITTEN)
    return [(word, marks[i % 2]) for i, word in enumerate(re.findall(r"\s*\S+|\s+$", text))]


def write(qtbot: QtBot, sheet: Sheet, text: str, *, final: bool = True) -> None:
    sheet.grow(tokens(text), "", final=final)
    qtbot.waitUntil(lambda: sheet.complete)


def blocks(sheet: Sheet) -> Iterator[QTextBlock]:
    block = sheet.document().begin()
    while block.isValid():
        yield block
        block = block.next()


def form_of(sheet: Sheet, word: str) -> QTextCharFormat:
    cursor = sheet.document().find(word)
    assert not cursor.isNull(), word
    return cursor.charFormat()


def test_code_after_a_table_stays_below_it(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: the bar of a code block drawn over a table's last row, as Qt drops the margin after a table."""
    write(qtbot, sheet, "| a | b |\n|--|--|\n| 1 | 2 |\n\n```python\nx = 1\n```\n\nThe end.")
    sheet.show()
    qtbot.waitExposed(sheet)
    layout = sheet.document().documentLayout()
    cell = next(block for block in blocks(sheet) if block.text() == "2")
    code = next(block for block in blocks(sheet) if block.text() == "x = 1")
    assert code_box(code).top() >= layout.blockBoundingRect(cell).bottom() + 12  # padding, border and a gap


def test_commonmark_is_typeset(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: markup left standing, or text lost with it."""
    write(
        qtbot,
        sheet,
        "# Title\n\nSome **bold**, *slanted*, ~~gone~~ `code` and a [link](https://a.b/c).\n\n1. one\n2. two",
    )
    shown = sheet.toPlainText()
    assert shown.split("\n") == ["Title", "Some bold, slanted, gone code and a link.", "one", "two"]
    assert form_of(sheet, "bold").fontWeight() > 500
    assert form_of(sheet, "slanted").fontItalic()
    assert form_of(sheet, "gone").fontStrikeOut()
    assert form_of(sheet, "code").fontFixedPitch()
    assert form_of(sheet, "link").anchorHref() == "https://a.b/c"
    assert next(blocks(sheet)).blockFormat().headingLevel() == 1
    items = [block.textList() for block in blocks(sheet) if block.textList() is not None]
    assert [items[0].itemNumber(block) for block in blocks(sheet) if block.textList() is not None] == [0, 1]


def test_tables_have_cells(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: pipes and dashes instead of a table, cells swapped, alignment lost."""
    write(qtbot, sheet, "| name | n |\n|---|--:|\n| fox | 1 |\n| den | 20 |\n\nafter")
    table = next(frame for frame in sheet.document().rootFrame().childFrames() if isinstance(frame, QTextTable))
    assert (table.rows(), table.columns()) == (3, 2)
    cell = table.cellAt(2, 1).firstCursorPosition()
    assert cell.block().text() == "20"
    assert cell.blockFormat().alignment() == Qt.AlignmentFlag.AlignRight
    assert sheet.toPlainText().endswith("after")


def test_code_is_coloured_and_kept_to_the_letter(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: code in one colour, blank lines or indentation lost on the way to the clipboard."""
    write(qtbot, sheet, CODE)
    keyword, comment = form_of(sheet, "def"), form_of(sheet, "# one")
    assert keyword.foreground().color().name() == LIGHT.target
    assert comment.foreground().color().name() == LIGHT.muted
    (button,) = sheet.findChildren(CopyButton)
    assert "python" in button.accessibleName()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == "def f(x):\n\n    return x  # one"
    assert button.text() == "Copied"


def test_copy_buttons_stand_in_the_corner_of_their_code(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: buttons that stay behind when the text above them wraps anew."""
    write(qtbot, sheet, f"{'word ' * 60}\n\n{CODE}")
    sheet.show()
    (button,) = sheet.findChildren(CopyButton)
    for width in (600, 320):
        sheet.resize(width, sheet.height())
        QApplication.processEvents()
        cursor = sheet.document().find("def f")
        code = sheet.cursorRect(cursor)
        assert button.geometry().bottom() <= code.top()
        assert code.top() - button.geometry().bottom() < 24
        assert width - 24 <= button.geometry().right() <= width


def test_an_unknown_language_is_no_error(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: a made-up language that takes the reply with it."""
    write(qtbot, sheet, "```no-such-language\n<x>\n```")
    assert sheet.toPlainText().strip() == "<x>"


def test_html_is_text_and_images_are_links(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: markup that a model smuggles in, a picture that tells a server it was seen."""
    write(
        qtbot,
        sheet,
        "<b>bold</b> <script>x</script>\n\n<div>block</div>\n\n![a cat](https://a.b/c.png) [x](javascript:y)",
    )
    shown = sheet.toPlainText()
    assert "<b>bold</b> <script>x</script>" in shown
    assert "<div>block</div>" in shown
    assert "[a cat]" in shown
    assert "\ufffc" not in shown  # what stands for a picture in a document
    assert form_of(sheet, "a cat").anchorHref() == "https://a.b/c.png"
    assert "[x](javascript:y)" in shown  # no link of that kind is made
    assert sheet.loadResource(2, QUrl("https://a.b/c.png")) is None


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_growing_ends_like_writing_at_once(qtbot: QtBot, sheet: Sheet, text: str) -> None:
    """Guards: a streamed reply that looks different from the same reply opened later."""
    at_once = Sheet(LIGHT, marked=True)
    qtbot.addWidget(at_once)
    write(qtbot, at_once, text)
    for piece in tokens(text):
        sheet.grow([piece], " draft", final=False)
    write(qtbot, sheet, "")
    assert sheet.toPlainText() == at_once.toPlainText()
    assert _dressed(sheet) == _dressed(at_once)
    words = [(word.strip("\u2029\n \ufdd0\ufdd1"), mark) for word, mark in sheet.marked_text]
    assert words == [(word.strip("\u2029\n \ufdd0\ufdd1"), mark) for word, mark in at_once.marked_text]


def _dressed(sheet: Sheet) -> list[tuple[str, int, int, float]]:
    return [
        (
            block.text(),
            block.blockFormat().indent(),
            block.blockFormat().headingLevel(),
            block.blockFormat().leftMargin(),
        )
        for block in blocks(sheet)
    ]


def test_what_is_being_written_is_shown_as_it_will_be(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: a paragraph that appears only once it is complete, a draft that stays after it was taken back."""
    sheet.grow(tokens("Done.\n\nThe **fox"), " ran", final=False)
    assert sheet.toPlainText() == "Done.\nThe fox ran"
    assert form_of(sheet, "fox").fontWeight() > form_of(sheet, "The").fontWeight()
    sheet.grow([], "", final=False)
    assert sheet.toPlainText() == "Done.\nThe fox"
    sheet.grow(tokens("** slept"), "", final=True)
    assert sheet.toPlainText() == "Done.\nThe fox slept"


def test_marks_stay_at_their_words(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: marks that move to the next word once a paragraph is typeset."""
    write(qtbot, sheet, "Once **upon a** time there [was](https://a.b) `a` fox.\n\n- and\n- a den")
    found = [(text.strip("\u2029 "), mark) for text, mark in sheet.marked_text]
    assert ("upon", Mark.WRITTEN) in found
    assert ("time", Mark.WRITTEN) in found
    assert ("fox.", Mark.WRITTEN) in found
    assert found[-1] == ("den", Mark.DRAFTED)


def test_a_long_reply_is_typeset_in_slices(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: a window that stands still while an old reply is opened; text lost between two slices."""
    text = "\n\n".join(f"Paragraph {n} with **bold** and `code`." for n in range(30 * PIECE // 40))
    sheet.grow(tokens(text), "", final=True)
    assert not sheet.complete
    qtbot.waitUntil(lambda: sheet.complete)
    assert sheet.toPlainText().count("Paragraph") == 30 * PIECE // 40
    assert "**" not in sheet.toPlainText()


def test_a_link_may_stand_before_its_target(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: reference links that never resolve because their paragraph was typeset first."""
    for piece in tokens("See [the fox][1].\n\nMore.\n\n[1]: https://a.b/fox"):
        sheet.grow([piece], "", final=False)
    write(qtbot, sheet, "")
    assert form_of(sheet, "the fox").anchorHref() == "https://a.b/fox"


def test_a_selection_survives_typesetting(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: the reader's selection lost because a block behind it was completed."""
    sheet.grow(tokens("Once upon a time.\n\nThe **fo"), "", final=False)
    cursor = sheet.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(9, QTextCursor.MoveMode.KeepAnchor)
    sheet.setTextCursor(cursor)
    sheet.grow(tokens("x** ran.\n\nThe end"), "", final=True)
    assert sheet.textCursor().selectedText() == "Once upon"
    sheet.copy()
    assert QApplication.clipboard().text() == "Once upon"


def test_colours_and_sizes_change_in_place(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: a reply left in the colours or the size it was written in."""
    write(qtbot, sheet, f"Text\n\n{CODE}")
    sheet.set_palette(DARK)
    assert form_of(sheet, "def").foreground().color().name() == DARK.target
    assert len([b for b in sheet.findChildren(CopyButton) if not b.isHidden()]) == 1
    font = sheet.font()
    font.setPixelSize(28)
    sheet.setFont(font)
    assert form_of(sheet, "def").property(QTextCharFormat.Property.FontPixelSize) == 26


class Browser(QObject):
    """Takes what would be opened in a browser."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def open(self, target: QUrl) -> None:
        self.opened.append(target.toString())


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()
    for scheme in ("https", "ftp"):
        QDesktopServices.setUrlHandler(scheme, made, "open")  # type: ignore[arg-type]  # the stub wants bytes, Qt a str
    yield made
    for scheme in ("https", "ftp"):
        QDesktopServices.unsetUrlHandler(scheme)


def question(sheet: Sheet) -> LinkQuestion:
    found: Sequence[LinkQuestion] = sheet.findChildren(LinkQuestion)
    return found[-1]


def test_links_ask_before_they_open(qtbot: QtBot, sheet: Sheet, browser: Browser) -> None:
    """Guards: a click that leaves the computer without a question, a question that does not say where it leads."""
    write(qtbot, sheet, "A [link](https://a.b/fox?x=1) here")
    sheet.show()
    QTest.mouseClick(
        sheet.viewport(), Qt.MouseButton.LeftButton, pos=sheet.cursorRect(sheet.document().find("lin")).center()
    )
    asked = question(sheet)
    assert browser.opened == []
    assert asked.informativeText() == "https://a.b/fox?x=1"
    assert asked.opening is not None
    asked.opening.click()
    assert browser.opened == ["https://a.b/fox?x=1"]


def test_a_link_is_reached_by_keyboard_and_can_be_declined(qtbot: QtBot, sheet: Sheet, browser: Browser) -> None:
    """Guards: links only a mouse can follow; Escape taken for yes."""
    write(qtbot, sheet, "A [link](https://a.b/fox) here")
    sheet.show()
    sheet.setFocus()
    QTest.keyClick(sheet, Qt.Key.Key_Tab)
    QTest.keyClick(sheet, Qt.Key.Key_Return)
    asked = question(sheet)
    QTest.keyClick(asked, Qt.Key.Key_Escape)
    assert browser.opened == []
    assert not asked.isVisible()


def test_links_of_other_kinds_are_only_copied(qtbot: QtBot, sheet: Sheet, browser: Browser) -> None:
    """Guards: a program started by a link in a reply."""
    asked = LinkQuestion(QUrl("ftp://a.b/x"), sheet)
    asked.open()
    assert asked.opening is None
    asked.copying.click()
    assert QApplication.clipboard().text() == "ftp://a.b/x"
    assert browser.opened == []


def test_an_empty_item_does_not_outlive_its_list(qtbot: QtBot, sheet: Sheet) -> None:
    """Guards: a list whose last item has no content, then a paragraph; the reply was lost in an exception."""
    write(qtbot, sheet, "- one\n-\n\nAfter it.")
    assert "After it." in sheet.toPlainText()


def test_a_draft_is_not_marked_as_what_stands_before_it(sheet: Sheet) -> None:
    """Guards: the tint of the last settled token drawn over the draft behind it."""
    sheet.lay_out(600)
    sheet.grow([("Once", Mark.DRAFTED), (" upon", Mark.DRAFTED)], " a time", final=False)
    boxes = dict(sheet._layer.boxes(QRectF(sheet.rect()), sheet._metrics()))
    cursor = QTextCursor(sheet.document())
    cursor.setPosition(len("Once upon"))
    assert boxes[1].right() == pytest.approx(sheet.cursorRect(cursor).left(), abs=1)
