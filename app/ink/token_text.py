"""Writes a reply token by token into a text widget, rejected ones included; only its end is ever replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QRect, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontInfo,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QMenu, QWidget

from app.ink.document_edit import DocumentEdit, units
from app.ink.marked_text import MarkedText
from app.ink.marks import GHOSTS, OUTSIDE, Mark, inks, mark_of, text_format
from app.log.ledger import Ledger
from app.log.token_fate import visible
from app.look.palette import Palette
from engine.events import Token

LINE_HEIGHT = 165  # per cent; room for marks between the lines


class TokenText(MarkedText):
    """Shows the tokens of ``ledger``, in its order and under its indices.

    Tokens of finished rounds are only ever appended; behind them stands the draft in progress, which is replaced as
    a whole. A selection of the reader's survives every change.
    """

    copy_wanted = Signal()  # of the answer, as the Reading view copies it

    def __init__(self, ledger: Ledger, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(palette, parent)
        self._ledger = ledger
        self._tail = self._count = 0  # position and number of the tokens before the draft in progress
        self._known: dict[tuple[int, int, bool, bool], Mark] = {}  # marks by what decides them
        self._dress()
        self._set_line_height()

    @property
    def shown(self) -> list[tuple[str, Mark]]:
        """Text and mark of every token in the document, in order; for ghosts the text as it is written there."""
        whole = self.toPlainText().encode("utf-16-le")
        ends = pairwise([*self._layer.starts, len(whole)])
        texts = [whole[2 * first : 2 * last].decode("utf-16-le") for first, last in ends]
        return list(zip(texts, self._layer.marks, strict=True))

    @property
    def behind(self) -> bool:
        """True while the ledger holds settled tokens that are not in the document."""
        return self._count < len(self._ledger.tokens)

    @property
    def settled(self) -> int:
        """How many tokens of the ledger are in the document, the draft in progress apart."""
        return self._count

    @property
    def end(self) -> QRect:
        """The place of the last token, pending ones included; the beginning of the text if there is none."""
        return self._box(len(self._layer.starts) - 1).toAlignedRect() if self._layer.starts else QRect()

    def catch_up(self, most: int | None = None) -> None:
        """Append what the ledger has gained, in one edit; at ``most`` so many tokens of it. What it lost goes."""
        if self._count > len(self._ledger.tokens):
            self._count = len(self._ledger.tokens)
            self._tail = self._layer.starts[self._count]
        self._keep_above(self._tail)
        fresh = self._count
        tokens = self._ledger.tokens[fresh : None if most is None else fresh + most]
        with DocumentEdit(self) as cursor:
            self._cut_tail(cursor)
            self._write(cursor, tokens, self._folded(range(fresh, fresh + len(tokens))))
            self._tail, self._count = cursor.position(), fresh + len(tokens)
            if not self.behind:
                self._write(cursor, self._ledger.pending, {})
        self._fade.begin(fresh, self._count)

    def rebuild(self) -> None:
        """Write everything anew."""
        self._tail = self._count = 0
        self._known.clear()
        self.catch_up()

    def offset_of(self, y: float) -> int:
        """Return how many tokens of the answer, rejected ones not counted, come before the line at ``y``."""
        index = self._layer.first_below(y, self._metrics())
        return sum(mark not in GHOSTS for mark in self._layer.marks[:index])

    def y_of(self, offset: int) -> float:
        """Return the y of the line that token ``offset`` is on: the inverse of ``offset_of``."""
        kept = [i for i, mark in enumerate(self._layer.marks) if mark not in GHOSTS]
        return self._box(kept[min(offset, len(kept) - 1)]).top() if kept else 0.0

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to copy the selection or the whole answer."""
        menu = QMenu(self)
        copy = menu.addAction("Copy", self.copy)
        copy.setEnabled(self.textCursor().hasSelection())
        menu.addAction("Copy reply", self.copy_wanted.emit)
        menu.addAction("Select all", self.selectAll)
        menu.exec(event.globalPos())

    def changeEvent(self, event: QEvent) -> None:
        """Write ghosts in the size that belongs to a new font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._count:
            self._dress()
            self.rebuild()

    def _dress(self) -> None:
        """Take colours and sizes from palette and font."""
        size = QFontInfo(self.font()).pixelSize()
        self._inks = inks(self._palette)
        self._formats = {mark: text_format(mark, self._palette, size) for mark in Mark}
        self._space = QTextCharFormat(self._formats[Mark.REJECTED])  # before a ghost, not struck through
        self._space.setFontStrikeOut(False)
        self._counted = QTextCharFormat(self._formats[Mark.DISCARDED])  # in place of many that were dropped
        self._counted.setFontStrikeOut(False)

    def _set_line_height(self) -> None:
        form = QTextBlockFormat()
        form.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        QTextCursor(self.document()).setBlockFormat(form)

    def _cut_tail(self, cursor: QTextCursor) -> None:
        cursor.setPosition(self._tail)
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._layer.cut(self._count)

    def _folded(self, span: range) -> Mapping[int, int]:  # noqa: ARG002 - where some are
        """Return which tokens of the ledger in ``span`` are not written out; see app.log.folding."""
        return {}

    def _write(self, cursor: QTextCursor, tokens: Sequence[Token], folded: Mapping[int, int]) -> None:
        """Append ``tokens``, as many as look alike at a time: layout costs by the piece."""
        position, run = cursor.position(), list[str]()
        look = self._formats[Mark.BARE]
        for token in tokens:
            mark, stands_for = self._mark_of(token), folded.get(len(self._layer.starts))
            self._layer.starts.append(position)
            self._layer.marks.append(mark)
            pieces = self._pieces(token.text, mark) if stands_for is None else self._count_of(stands_for)
            for text, form in pieces:
                if form is not look:
                    cursor.insertText("".join(run), look)
                    look, run = form, []
                run.append(text)
                position += units(text)
        cursor.insertText("".join(run), look)

    def _count_of(self, tokens: int) -> Sequence[tuple[str, QTextCharFormat]]:
        """Return what stands for so many ``tokens`` that are not written out."""
        return ((f" … {tokens}\N{NO-BREAK SPACE}more ", self._counted),) if tokens else ()

    def _mark_of(self, token: Token) -> Mark:
        kind = (token.level, token.reached, token.rejected_by is None, token.discarded)
        mark = self._known.get(kind)
        if mark is None:
            mark = self._known[kind] = mark_of(token, self._ledger.levels)
        return mark

    def _pieces(self, text: str, mark: Mark) -> Sequence[tuple[str, QTextCharFormat]]:
        """Return the text of a token in pieces of one look; all that are part of the answer look alike."""
        if mark in GHOSTS:
            word = text.lstrip(" ")
            shown = (word if word.isprintable() else "".join(map(visible, word))) or "␣"
            ghost = (shown, self._formats[mark])
            return ((" ", self._space), ghost) if len(word) < len(text) else (ghost,)
        return ((text.replace("\r", ""), self._formats[mark if mark in OUTSIDE else Mark.BARE]),)
