"""The text of one part of a reply: complete blocks typeset, the block being written as plain text behind them."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QMimeData, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontInfo,
    QGuiApplication,
    QPainter,
    QResizeEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QMenu, QWidget

from app.look.palette import Palette
from app.reading.alignment import begin_at
from app.reading.clipping import clipping
from app.reading.copying import CopyButton
from app.reading.decoration import code_box, decorate
from app.reading.formats import BAR, INDENT, KIND, LANGUAGE, Formats
from app.reading.inline import BREAK
from app.reading.links import LinkQuestion
from app.reading.mathematics import Formulas, source_at
from app.reading.source import settled
from app.reading.tex import Foresight
from app.reading.typeset import Environment, Typesetter
from app.speculation.editing import Editing, units
from app.speculation.inked import Inked
from app.speculation.layer import visible_blocks
from app.speculation.marks import Mark, inks, text_format

SLICE = 0.012  # seconds of typesetting before the window is looked after again
PIECE = 3000  # characters typeset at a time where there are many
CLOSING = ("$", r"\)", r"\]")  # may end a formula
DEARER = 10  # times as many take as long where they hold no formulas


class Sheet(Inked):
    """Shows Markdown as it grows. Marks, where wanted, are faint.

    The source is a run of tokens with their marks. Those of complete blocks are shown typeset and not touched again;
    the rest is shown as it was written, and behind it the draft in progress. Much source at once is typeset in
    slices, so that the window never waits.
    """

    completed = Signal()  # the last slice is typeset

    def __init__(self, palette: Palette, *, marked: bool, parent: QWidget | None = None) -> None:
        super().__init__(palette, parent)
        self.setAccessibleName("Answer")
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._ask)
        self.document().setIndentWidth(INDENT)
        self._formulas, self._foresight = Formulas(self.document()), Foresight()
        self._marked = marked
        self._source, self._final = "", False
        self._offsets: list[int] = []  # in the source, of each token
        self._marks: list[Mark] = []
        self._draft = ""
        self._environment: Environment = {}  # link targets defined so far
        self._known_links = 0
        self._buttons: list[tuple[QTextBlock, CopyButton]] = []
        self._rest = QTimer(self, singleShot=True, interval=0)
        self._rest.timeout.connect(self._work)
        self._dress()
        self._reset()

    @property
    def markdown(self) -> str:
        """The Markdown given so far."""
        return self._source

    @property
    def complete(self) -> bool:
        """True when nothing waits for a next slice."""
        return not self._waiting

    @property
    def marked_text(self) -> list[tuple[str, Mark]]:
        """Every token's text as it stands in the document, with its mark."""
        whole = self._text_between(0, self._tail).encode("utf-16-le")
        spans = pairwise([*self._layer.starts, self._tail])
        texts = [whole[2 * first : 2 * last].decode("utf-16-le") for first, last in spans]
        return list(zip(texts, self._layer.marks, strict=True))

    def grow(self, tokens: Sequence[tuple[str, Mark]], draft: str, *, final: bool) -> None:
        """Append ``tokens`` and show ``draft`` behind them in place of the last one; ``final``: there is no more."""
        fresh = len(self._offsets)
        pieces = [self._source]
        at = len(self._source)
        for text, mark in tokens:
            self._offsets.append(at)
            self._marks.append(mark)
            pieces.append(text)
            at += len(text)
        known, self._source = len(self._source), "".join(pieces)
        if not final and any(self._source.find(sign, max(known - 1, 0)) >= 0 for sign in CLOSING):
            self._foresight.look(self._source[self._typeset :])
        self._draft, self._final = draft, final
        self._work()
        self._fade.begin(fresh, len(self._layer.starts))

    def clear(self) -> None:
        """Forget everything."""
        self._source, self._draft, self._final = "", "", False
        self._offsets.clear()
        self._marks.clear()
        self._environment, self._known_links = {}, 0
        self._reset()

    def rebuild(self) -> None:
        """Write everything anew."""
        self._reset()
        self._work()

    def show_marks(self, marked: bool) -> None:
        """Show or hide marks and the draft in progress."""
        if marked != self._marked:
            self._marked = marked
            self._strips.cut()
            self._work()
            self.viewport().update()

    def offset_of(self, y: float) -> int:
        """Return how many tokens stand before the line at ``y``."""
        return self._layer.first_below(y, self._metrics())

    def y_of(self, offset: int) -> float:
        """Invert ``offset_of``."""
        last = len(self._layer.starts) - 1
        return self._box(min(offset, last)).top() if last >= 0 else 0.0

    def loadResource(self, _kind: int, _name: QUrl | str) -> object:
        """Load nothing: no picture of a reply is fetched, from anywhere."""
        return None

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy what is selected with the signs of its lists and the columns of its tables."""
        return clipping(self.textCursor())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to copy the selection or a formula, or to open a link."""
        menu = QMenu(self)
        menu.addAction("Copy", self.copy).setEnabled(self.textCursor().hasSelection())
        target = self.anchorAt(event.pos())
        if target:
            menu.addAction("Open link…", lambda: self._ask(QUrl(target)))
        formula = source_at(self.cursorForPosition(event.pos()))
        if formula:
            menu.addAction("Copy formula", lambda: QGuiApplication.clipboard().setText(formula))
        menu.addAction("Select all", self.selectAll)
        menu.exec(event.globalPos())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the copy buttons at their code."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._place_buttons(0)

    def changeEvent(self, event: QEvent) -> None:
        """Typeset anew for a new font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._dress()
            if self._source:
                self.rebuild()

    def _paint_behind(self, painter: QPainter, exposed: QRectF) -> None:
        """Paint boxes, bars and faint marks."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for block in visible_blocks(self.document(), exposed.adjusted(0, -BAR, 0, BAR)):
            decorate(painter, block, self._palette, self._small)
        if self._marked:
            super()._paint_behind(painter, exposed)

    def _ask(self, target: QUrl) -> None:
        LinkQuestion(target, self.window()).open()

    # Writing. The document is: typeset blocks | plain text | draft, parted at the positions _open and _tail.

    def _dress(self) -> None:
        """Take colours and sizes from palette and font."""
        self._formats = Formats(self._palette, self.font())
        self._setter = Typesetter(self._formats)
        self._inks = inks(self._palette, faint=True)
        size = QFontInfo(self.font()).pixelSize()
        self._draft_format = text_format(Mark.PENDING, self._palette, size)
        self._small = self.font()
        self._small.setPixelSize(round(0.84 * size))

    def _reset(self) -> None:
        """Empty the document; the source stays."""
        self._typeset = self._written = 0  # up to where the source is typeset, and up to where it is in the document
        self._open = self._tail = 0
        self._waiting = False
        self._rest.stop()
        self._last_form = QTextBlockFormat()
        self._layer.cut(0)
        self._strips.cut()
        for _, button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons = []
        with Editing(self) as cursor:
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.removeSelectedText()
            cursor.setBlockFormat(QTextBlockFormat())

    def _work(self) -> None:
        """Bring the document up to the source; what takes longer than a slice goes on after a rest."""
        until = time.perf_counter() + SLICE
        placed, end = len(self._buttons), self._next_end()
        self._keep_above(self._open if end > self._typeset else self._tail)
        with Editing(self) as cursor:
            self._cut(cursor, self._tail)
            while end > self._typeset and time.perf_counter() < until:
                self._cut(cursor, self._open)
                self._typeset_to(cursor, end)
                end = self._next_end()
            waited, self._waiting = self._waiting, end > self._typeset
            if not self._waiting:
                self._write_plainly(cursor)
            self._layer.end = self._tail
        self._place_buttons(placed)
        if self._waiting:
            self._rest.start()
            return
        if waited:
            self.completed.emit()
        if self._final and len(self._environment.get("references", ())) > self._known_links:
            self._known_links = len(self._environment["references"])
            self.rebuild()  # a link may stand before its target

    def _next_end(self) -> int:
        """Return up to where blocks can be typeset next."""
        length, start, size = len(self._source), self._typeset, PIECE
        if any(self._source.find(sign, start, start + size) >= 0 for sign in ("$", "\\")):
            size //= DEARER  # formulas take a while
        while (safe := settled(self._source, start, min(start + size, length))) == start and start + size < length:
            size *= 2  # a block longer than that
        return length if safe == start and self._final else safe

    def _cut(self, cursor: QTextCursor, position: int) -> None:
        """Take away what stands behind ``position``."""
        cursor.setPosition(position)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        if cursor.hasSelection():
            cursor.removeSelectedText()
            if position == self._open:
                cursor.setBlockFormat(self._last_form)  # an empty block takes on the form of what was behind it

    def _typeset_to(self, cursor: QTextCursor, end: int) -> None:
        """Typeset the source up to ``end``."""
        start, piece = self._typeset, self._source[self._typeset : end]
        first, last = bisect_left(self._offsets, start), bisect_left(self._offsets, end)
        self._layer.cut(first)
        before, drawn = self._open, list[str]()
        if piece.strip():
            self._setter.next_block(cursor)
            before = cursor.position()
            drawn = self._setter.write(cursor, piece, self._environment)
            cursor.movePosition(QTextCursor.MoveOperation.End)
        shown = self._text_between(before, cursor.position())
        offsets = (offset - start for offset in self._offsets[first:last])
        self._layer.starts += [before + at for at in begin_at(offsets, piece, shown, drawn)]
        self._layer.marks += self._marks[first:last]
        self._typeset = self._written = end
        self._open = self._tail = cursor.position()
        self._last_form = cursor.blockFormat()
        self._add_buttons(self.document().findBlock(before))

    def _write_plainly(self, cursor: QTextCursor) -> None:
        """Append what is not yet typeset as it was written, and the draft."""
        text = self._source[self._written :]
        begun = self._written > self._typeset
        body = text if begun else text.lstrip("\n")  # the space between blocks is the typesetter's
        draft = self._draft if self._marked else ""
        if not begun and (body or draft):
            self._begin_paragraph(cursor)
        if body:
            self._place_tokens(cursor.position(), len(self._source) - len(body))
            self._insert_plain(cursor, body)
            self._written, self._tail = len(self._source), cursor.position()
        if draft:
            cursor.insertText(draft.replace("\n", BREAK), self._draft_format)

    def _place_tokens(self, position: int, at: int) -> None:
        """Note where the tokens not yet placed begin; ``at`` of the source is about to be written at ``position``."""
        for index in range(len(self._layer.starts), len(self._offsets)):
            offset = max(self._offsets[index], at)
            position += units(self._source[at:offset].replace("\r", ""))
            at = offset
            self._layer.starts.append(position)
            self._layer.marks.append(self._marks[index])

    def _begin_paragraph(self, cursor: QTextCursor) -> None:
        form = self._formats.paragraph()
        self._setter.next_block(cursor)
        if not cursor.position():
            form.setTopMargin(0)
        cursor.setBlockFormat(form)

    def _insert_plain(self, cursor: QTextCursor, text: str) -> None:
        """Insert ``text``, a block for each line: a growing block is laid out anew each time."""
        first, parted, rest = text.replace("\r", "").partition("\n")
        cursor.insertText(first, self._formats.text)
        if parted:
            form = self._formats.paragraph()
            form.setTopMargin(0)
            cursor.insertBlock(form)
            cursor.insertText(rest, self._formats.text)

    def _text_between(self, first: int, last: int) -> str:
        cursor = QTextCursor(self.document())
        cursor.setPosition(first)
        cursor.setPosition(last, QTextCursor.MoveMode.KeepAnchor)
        return cursor.selectedText()

    # Code

    def _add_buttons(self, block: QTextBlock) -> None:
        """Give every code block from ``block`` on its button."""
        while block.isValid():
            if block.blockFormat().property(KIND) == "code":
                code, language = block.text().replace(BREAK, "\n"), str(block.blockFormat().property(LANGUAGE) or "")
                self._buttons.append((block, CopyButton(code, language, self.viewport())))
            block = block.next()

    def _place_buttons(self, first: int) -> None:
        """Put the buttons from ``first`` on at the top right of their code."""
        for block, button in self._buttons[first:]:
            box = code_box(block)
            button.adjustSize()
            button.move(round(box.right()) - button.width() - 4, round(box.top()) + (BAR - button.height()) // 2 + 1)
            button.show()
