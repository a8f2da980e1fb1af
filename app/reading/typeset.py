"""Writes Markdown into a document: CommonMark with tables and strikethrough; HTML stays text, images stay away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from itertools import takewhile
from typing import Any

from markdown_it.token import Token
from PySide6.QtGui import QColor, QTextBlockFormat, QTextCharFormat, QTextCursor, QTextList, QTextListFormat

from app.reading.colouring import coloured
from app.reading.formats import BAR, INDENT, KIND, QUOTE, QUOTED, Formats
from app.reading.formula_grammar import KIND as FORMULA
from app.reading.formula_svg import picture
from app.reading.grammar import grammar
from app.reading.inline import BREAK, take_box, write_formula, write_inline
from app.reading.tables import below_table, write_table

BULLETS = (QTextListFormat.Style.ListDisc, QTextListFormat.Style.ListCircle, QTextListFormat.Style.ListSquare)

Environment = MutableMapping[str, Any]


class _List:
    """A list being written: Qt numbers the blocks added to it."""

    def __init__(self, form: QTextListFormat) -> None:
        self._form = form
        self._list: QTextList | None = None

    def take(self, cursor: QTextCursor) -> None:
        """Make the block at ``cursor`` its next item."""
        if self._list is None:
            self._list = cursor.createList(self._form)
        else:
            self._list.add(cursor.block())


class Typesetter:
    """Appends blocks to a document, in ``formats``."""

    def __init__(self, formats: Formats) -> None:
        self._formats = formats
        self._markdown = grammar()
        self._steps = self._make_steps()
        self._tokens: Iterator[Token] = iter(())  # those not yet written
        self._cursor = QTextCursor()
        self._fresh = True  # the block at the cursor is empty and waits for its content
        self._quotes = 0
        self._lists: list[_List] = []
        self._item = False  # the next block is the first of a list item
        self._hollow = False  # nothing has been written in the quote opened last
        self._heading: str | None = None
        self._sign = ""  # a heading is written with
        self._tight = False
        self._drawn: list[str] = []
        self._resumed = ""
        self.letters: QTextCharFormat | None = None  # of what would go on in the last block written; None: nothing can

    def write(
        self, cursor: QTextCursor, source: str, environment: Environment, *, whole: bool = True, resumed: str = ""
    ) -> list[str]:
        """Append ``source`` at ``cursor``, which is in an empty document or in the block from ``next_block``.

        ``environment`` keeps the link targets that earlier pieces of the same text defined. ``whole``: its last block
        is complete; otherwise the document ends in it. ``resumed``: it begins with "code" or a "table" that continues
        the one above. Returns the source of every formula drawn as a character, in order.
        """
        self._cursor, self._fresh, self._drawn = cursor, True, list[str]()
        self.letters, self._resumed = None, resumed
        self._tokens = iter(self._markdown.parse(source, environment))
        for token in self._tokens:
            step = self._steps.get(token.type)
            if step is not None:
                step(token)
        if self._fresh:
            self._collapse()
        if whole:
            self.end_block(cursor)
        return self._drawn

    def end_block(self, cursor: QTextCursor) -> None:
        """Complete the last block, with ``cursor`` at its end: code is followed by a block of hardly any height."""
        if cursor.blockFormat().property(KIND) == "code":
            cursor.insertBlock()  # the last block's bottom margin does not count
            cursor.setBlockFormat(self._formats.spare())

    def next_block(self, cursor: QTextCursor) -> None:
        """Move to an empty block at the end of the document, adding one if there is none."""
        if cursor.block().text() or cursor.blockFormat().property(KIND) in ("code", "rule"):
            cursor.insertBlock(QTextBlockFormat())

    def begin_paragraph(self, cursor: QTextCursor) -> None:
        """Move to an empty paragraph at the end of the document."""
        form = self._formats.paragraph()
        self.next_block(cursor)
        if not cursor.position():
            form.setTopMargin(0)
        cursor.setBlockFormat(form)

    def _make_steps(self) -> dict[str, Callable[[Token], None]]:
        return {
            "paragraph_open": self._open_paragraph,
            "heading_open": self._open_heading,
            "heading_close": lambda _: setattr(self, "_heading", None),
            "blockquote_open": self._open_quote,
            "blockquote_close": self._close_quote,
            "bullet_list_open": self._open_list,
            "ordered_list_open": self._open_list,
            "bullet_list_close": self._close_list,
            "ordered_list_close": self._close_list,
            "list_item_open": lambda _: setattr(self, "_item", True),
            "list_item_close": self._close_item,
            "table_open": self._table,
            "inline": self._inline,
            "fence": self._code,
            "code_block": self._code,
            "hr": self._rule,
            FORMULA: self._display,
        }

    def _begin(self, form: QTextBlockFormat) -> None:
        """Begin a block, reusing an empty one at the cursor."""
        if not self._fresh:
            self._cursor.insertBlock()
        self._fresh = self._hollow = False
        if self._cursor.position() == 0:
            form.setTopMargin(0)
        if self._quotes:
            form.setProperty(QUOTED, self._quotes)
            form.setLeftMargin(form.leftMargin() + QUOTE * self._quotes)
        self._cursor.setBlockFormat(form)
        self._cursor.setBlockCharFormat(self._formats.text)
        if self._item:
            self._lists[-1].take(self._cursor)
            self._item = False
        elif self._lists:
            form.setIndent(len(self._lists))
            self._cursor.setBlockFormat(form)

    def _collapse(self) -> None:
        """Shrink the empty block at the cursor to hardly any height."""
        self._cursor.setBlockFormat(self._formats.spare())

    def _open_paragraph(self, token: Token) -> None:
        self._tight = token.hidden

    def _open_heading(self, token: Token) -> None:
        self._heading, self._sign = token.tag, token.markup

    def _open_quote(self, _token: Token) -> None:
        self._quotes += 1
        self._hollow = True

    def _close_quote(self, _token: Token) -> None:
        if self._hollow:
            self._begin(self._formats.paragraph())
        self._quotes -= 1

    def _close_item(self, _token: Token) -> None:
        if self._item:  # an item without content: its number may be all there is to an answer
            self._begin(self._formats.tight())

    def _open_list(self, token: Token) -> None:
        form = QTextListFormat()
        form.setIndent(len(self._lists) + 1)
        if token.type == "ordered_list_open":
            form.setStyle(QTextListFormat.Style.ListDecimal)
            form.setStart(int(token.attrGet("start") or 1))
        else:
            form.setStyle(BULLETS[min(len(self._lists), len(BULLETS) - 1)])
        self._lists.append(_List(form))

    def _close_list(self, _token: Token) -> None:
        self._lists.pop()

    def _inline(self, token: Token) -> None:
        formats, letters = self._formats, self._formats.text
        inside = token.children or []
        if self._heading is not None:
            form, letters = formats.heading(self._heading), formats.heading_text(self._heading)
            if not inside:  # a heading of nothing is its sign
                inside = [Token("text", "", 0, content=self._sign)]
        elif self._lists and self._tight:
            form = formats.tight()
        else:
            form = formats.paragraph()
        if self._item and self._lists:
            take_box(inside, form)
        self._begin(form)
        self._drawn += write_inline(self._cursor, inside, letters, formats)
        self.letters = letters

    def _code(self, token: Token) -> None:
        language = token.info.split()[0] if token.info.strip() else ""
        first = self._cursor.position() == 0
        continued, self._resumed = self._resumed == "code", ""
        form = self._formats.code(token.info.strip(), continued=continued)
        if self._fresh and (
            first or below_table(self._cursor)
        ):  # Qt leaves no room above what begins a text or follows a table
            self._collapse()
            self._fresh = False
        if first and not continued:
            form.setTopMargin(BAR)
        self._begin(form)
        letters = self._formats.monospace(self._formats.text)
        for text, colour in coloured(token.content.removesuffix("\n"), language, self._formats.palette):
            letters.setForeground(QColor(colour))
            self._cursor.insertText(text.replace("\r", "").replace("\n", BREAK), letters)
        letters.setForeground(self._formats.text.foreground())
        self.letters = letters

    def _rule(self, _token: Token) -> None:
        self.letters = None
        self._begin(self._formats.rule())

    def _display(self, token: Token) -> None:
        self.letters = None
        drawable = picture(token.content, displayed=True) is not None
        self._begin(self._formats.displayed() if drawable else self._formats.paragraph())
        self._drawn += write_formula(self._cursor, token, self._formats.text, self._formats)

    def _table(self, _token: Token) -> None:
        self.letters = None
        if not self._fresh:
            self._cursor.insertBlock()
        self._collapse()
        inside = takewhile(lambda token: token.type != "table_close", self._tokens)
        left = QUOTE * self._quotes + INDENT * len(self._lists)
        headed, self._resumed = self._resumed != "table", ""
        self._drawn += write_table(self._cursor, inside, self._formats, left, headed=headed)
        self._fresh, self._item = True, False
