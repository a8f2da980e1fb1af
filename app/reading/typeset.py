"""Writes Markdown into a document: CommonMark with tables and strikethrough; HTML stays text, images stay away."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontInfo,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
    QTextLength,
    QTextList,
    QTextListFormat,
    QTextTableFormat,
)

from app.look.palette import Palette
from app.reading.alignment import STAND_IN
from app.reading.colouring import coloured
from app.reading.formulas import DISPLAYED, formulas
from app.reading.formulas import KIND as FORMULA
from app.reading.mathematics import format_of
from app.reading.tex import picture

KIND = QTextFormat.Property.UserProperty + 2  # of a block that is no text: "code", "rule", or "spare" beside a table
QUOTED = QTextFormat.Property.UserProperty + 3  # how many quotes a block lies in
LANGUAGE = QTextFormat.Property.UserProperty + 4  # of a code block

LINE_HEIGHT = 130  # per cent of the font's own
INDENT = 24  # pixels a list is moved in
QUOTE = 16  # pixels a quote is moved in
PADDING = 14  # pixels around code
BAR = 30  # pixels above code, for its language and its button
HEADINGS = {"h1": 1.5, "h2": 1.3, "h3": 1.14, "h4": 1.0, "h5": 1.0, "h6": 1.0}
BREAK = "\u2028"  # a line break inside a block
END_OF_FRAME = "\ufdd1"  # what Qt ends a table with; it builds the frames themselves only after the edit
BULLETS = (QTextListFormat.Style.ListDisc, QTextListFormat.Style.ListCircle, QTextListFormat.Style.ListSquare)

Environment = MutableMapping[str, Any]
_PROPORTIONAL = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
_FIXED = QTextBlockFormat.LineHeightTypes.FixedHeight.value


class _List:
    """A list in progress: Qt numbers the blocks that were added to it."""

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
    """Appends blocks to a document in the colours of ``palette`` and the sizes of ``font``."""

    def __init__(self, palette: Palette, font: QFont) -> None:
        self._palette = palette
        self._font, self._size = font, QFontInfo(font).pixelSize()
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).use(formulas)
        self.text = QTextCharFormat()
        self.text.setForeground(QColor(palette.text))
        self._fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).families()
        self._steps = self._make_steps()
        self._cursor = QTextCursor()
        self._fresh = True  # the block at the cursor is empty and waits for its content
        self._quotes = 0
        self._lists: list[_List] = []
        self._item = False  # the next block is the first of a list item
        self._heading: str | None = None
        self._tight = False
        self._drawn: list[str] = []
        self._table: list[list[tuple[Token, str]]] | None = None
        self._align = ""

    def write(self, cursor: QTextCursor, source: str, environment: Environment) -> list[str]:
        """Append ``source`` at ``cursor``, which stands in an empty document or in the block ``next_block`` gave.

        ``environment`` keeps the link targets that earlier pieces of the same text defined. Returns the source of
        every formula that a single character stands for now, in order.
        """
        self._cursor, self._fresh, self._drawn = cursor, True, list[str]()
        for token in self._markdown.parse(source, environment):
            step = self._steps.get(token.type)
            if step is not None:
                step(token)
        if cursor.blockFormat().property(KIND) == "code":
            cursor.insertBlock()  # the last block's bottom margin does not count
            self._fresh = True
        if self._fresh:
            self._collapse()
        return self._drawn

    def next_block(self, cursor: QTextCursor) -> None:
        """Go to an empty block at the end of the document, a new one where there is none."""
        if cursor.block().text() or cursor.blockFormat().property(KIND) in ("code", "rule"):
            cursor.insertBlock(QTextBlockFormat())

    def paragraph(self) -> QTextBlockFormat:
        """Return the format of a paragraph."""
        form = QTextBlockFormat()
        form.setLineHeight(LINE_HEIGHT, _PROPORTIONAL)
        form.setTopMargin(round(0.75 * self._size))
        return form

    def _make_steps(self) -> dict[str, Callable[[Token], None]]:
        return {
            "paragraph_open": self._open_paragraph,
            "heading_open": lambda token: setattr(self, "_heading", token.tag),
            "heading_close": lambda _: setattr(self, "_heading", None),
            "blockquote_open": lambda _: setattr(self, "_quotes", self._quotes + 1),
            "blockquote_close": lambda _: setattr(self, "_quotes", self._quotes - 1),
            "bullet_list_open": self._open_list,
            "ordered_list_open": self._open_list,
            "bullet_list_close": self._close_list,
            "ordered_list_close": self._close_list,
            "list_item_open": lambda _: setattr(self, "_item", True),
            "table_open": lambda _: setattr(self, "_table", []),
            "tr_open": lambda _: self._rows().append([]),
            "th_open": self._open_cell,
            "td_open": self._open_cell,
            "table_close": self._close_table,
            "inline": self._inline,
            "fence": self._code,
            "code_block": self._code,
            "hr": self._rule,
            FORMULA: self._display,
        }

    # Blocks

    def _begin(self, form: QTextBlockFormat) -> None:
        """Begin a block, in the empty one at the cursor if there is one."""
        if not self._fresh:
            self._cursor.insertBlock()
        self._fresh = False
        if self._cursor.position() == 0:
            form.setTopMargin(0)
        if self._quotes:
            form.setProperty(QUOTED, self._quotes)
            form.setLeftMargin(form.leftMargin() + QUOTE * self._quotes)
        self._cursor.setBlockFormat(form)
        self._cursor.setBlockCharFormat(self.text)
        if self._item:
            self._lists[-1].take(self._cursor)
            self._item = False
        elif self._lists:
            form.setIndent(len(self._lists))
            self._cursor.setBlockFormat(form)

    def _open_paragraph(self, token: Token) -> None:
        self._tight = token.hidden

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
        self._item = False  # of an item without content

    def _inline(self, token: Token) -> None:
        if self._table is not None:
            self._table[-1].append((token, self._align))
            return
        form, letters = self.paragraph(), QTextCharFormat(self.text)
        if self._heading is not None:
            scale = HEADINGS[self._heading]
            form.setTopMargin(round(1.25 * self._size))
            form.setHeadingLevel(int(self._heading[1]))
            form.setLineHeight(115, _PROPORTIONAL)
            letters.setProperty(QTextFormat.Property.FontPixelSize, round(self._size * scale))
            letters.setFontWeight(QFont.Weight.DemiBold)
        elif self._lists and self._tight:
            form.setTopMargin(round(0.3 * self._size))
        self._begin(form)
        self._write_inline(self._cursor, token.children or [], letters)

    def _code(self, token: Token) -> None:
        form = QTextBlockFormat()
        form.setLineHeight(125, _PROPORTIONAL)
        form.setTopMargin(BAR + round(0.75 * self._size))
        form.setBottomMargin(PADDING + 4)
        form.setLeftMargin(PADDING)
        form.setRightMargin(PADDING)
        form.setNonBreakableLines(False)
        form.setProperty(KIND, "code")
        language = token.info.split()[0] if token.info.strip() else ""
        form.setProperty(LANGUAGE, language)
        first = self._cursor.position() == 0 and self._fresh
        if self._fresh and self._below_table():  # Qt leaves no room above what follows a table
            self._collapse()
            self._fresh = False
        self._begin(form)
        if first:
            form.setTopMargin(BAR)
            self._cursor.setBlockFormat(form)
        letters = self._monospace(self.text)
        for text, colour in coloured(token.content.removesuffix("\n"), language, self._palette):
            letters.setForeground(QColor(colour))
            self._cursor.insertText(text.replace("\r", "").replace("\n", BREAK), letters)

    def _below_table(self) -> bool:
        return self._cursor.document().characterAt(self._cursor.position() - 1) == END_OF_FRAME

    def _rule(self, _token: Token) -> None:
        form = self.paragraph()
        form.setProperty(KIND, "rule")
        form.setLineHeight(self._size, _FIXED)
        self._begin(form)

    def _display(self, token: Token) -> None:
        form = self.paragraph()
        if picture(token.content, displayed=True) is not None:
            form.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            form.setLineHeight(100, _PROPORTIONAL)
            form.setBottomMargin(round(0.4 * self._size))
        self._begin(form)
        self._formula(self._cursor, token, self.text)

    def _collapse(self) -> None:
        """Give the empty block at the cursor no height to speak of."""
        form = QTextBlockFormat()
        form.setLineHeight(1, _FIXED)
        form.setProperty(KIND, "spare")
        self._cursor.setBlockFormat(form)

    # Tables

    def _rows(self) -> list[list[tuple[Token, str]]]:
        return self._table if self._table is not None else []

    def _open_cell(self, token: Token) -> None:
        self._align = str(token.attrGet("style") or "").removeprefix("text-align:")

    def _close_table(self, _token: Token) -> None:
        rows, self._table = self._rows(), None
        if not self._fresh:
            self._cursor.insertBlock()
        self._collapse()
        table = self._cursor.insertTable(len(rows), max(map(len, rows)), self._table_format())
        for y, row in enumerate(rows):
            for x, (token, align) in enumerate(row):
                self._write_cell(table.cellAt(y, x).firstCursorPosition(), token, align, head=y == 0)
        self._cursor.setPosition(table.lastPosition() + 1)
        self._cursor.setBlockFormat(QTextBlockFormat())
        self._fresh, self._item = True, False

    def _table_format(self) -> QTextTableFormat:
        form = QTextTableFormat()
        form.setBorder(1)
        form.setBorderCollapse(True)
        form.setBorderStyle(QTextTableFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QColor(self._palette.line))
        form.setCellPadding(6)
        form.setCellSpacing(0)
        form.setHeaderRowCount(1)
        form.setTopMargin(round(0.75 * self._size))
        form.setBottomMargin(round(0.5 * self._size))
        form.setLeftMargin(QUOTE * self._quotes + INDENT * len(self._lists))
        form.setWidth(QTextLength())
        return form

    def _write_cell(self, cursor: QTextCursor, token: Token, align: str, *, head: bool) -> None:
        form = QTextBlockFormat()
        form.setLineHeight(LINE_HEIGHT, _PROPORTIONAL)
        form.setAlignment(
            {"right": Qt.AlignmentFlag.AlignRight, "center": Qt.AlignmentFlag.AlignHCenter}.get(
                align, Qt.AlignmentFlag.AlignLeft
            )
        )
        cursor.setBlockFormat(form)
        letters = QTextCharFormat(self.text)
        if head:
            letters.setFontWeight(QFont.Weight.DemiBold)
        self._write_inline(cursor, token.children or [], letters)

    # Text

    def _write_inline(self, cursor: QTextCursor, tokens: Sequence[Token], letters: QTextCharFormat) -> None:
        """Write what stands inside a block, beginning with the format ``letters``."""
        formats = [letters]
        for token in tokens:
            if token.nesting == 1:
                formats.append(self._dressed(formats[-1], token))
            elif token.nesting == -1:
                formats.pop()
            elif token.type == "code_inline":
                cursor.insertText(token.content, self._inline_code(formats[-1]))
            elif token.type == "image":
                cursor.insertText(f"[{token.content or 'image'}]", self._link(formats[-1], str(token.attrGet("src"))))
            elif token.type == FORMULA:
                self._formula(cursor, token, formats[-1])
            elif token.type in ("softbreak", "hardbreak"):
                cursor.insertText(BREAK, formats[-1])
            else:
                cursor.insertText(token.content, formats[-1])

    def _formula(self, cursor: QTextCursor, token: Token, letters: QTextCharFormat) -> None:
        """Write a formula as one character that is drawn, or as its source where it cannot be."""
        font = QFont(self._font)
        font.setPixelSize(letters.intProperty(QTextFormat.Property.FontPixelSize) or self._size)
        form = format_of(token.content, token.info, letters, font, displayed=token.markup in DISPLAYED)
        if form is None:
            cursor.insertText(token.info.replace("\r", "").replace("\n", BREAK), letters)
        else:
            cursor.insertText(STAND_IN, form)
            self._drawn.append(token.info)

    def _dressed(self, form: QTextCharFormat, token: Token) -> QTextCharFormat:
        """Return ``form`` as the text inside an opening ``token`` looks."""
        inner = QTextCharFormat(form)
        match token.type:
            case "strong_open":
                inner.setFontWeight(QFont.Weight.DemiBold)
            case "em_open":
                inner.setFontItalic(True)
            case "s_open":
                inner.setFontStrikeOut(True)
            case "link_open":
                inner = self._link(form, str(token.attrGet("href")))
        return inner

    def _link(self, form: QTextCharFormat, target: str) -> QTextCharFormat:
        inner = QTextCharFormat(form)
        inner.setAnchor(True)
        inner.setAnchorHref(target)
        inner.setForeground(QColor(self._palette.target))
        inner.setFontUnderline(True)
        inner.setToolTip(target)
        return inner

    def _monospace(self, form: QTextCharFormat) -> QTextCharFormat:
        inner = QTextCharFormat(form)
        inner.setFontFamilies(self._fixed)
        inner.setFontFixedPitch(True)
        inner.setProperty(QTextFormat.Property.FontPixelSize, round(self._size * 0.93))
        return inner

    def _inline_code(self, form: QTextCharFormat) -> QTextCharFormat:
        inner = self._monospace(form)
        inner.setBackground(QColor(self._palette.bubble))
        return inner
