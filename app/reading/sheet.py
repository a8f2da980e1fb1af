"""Typesets one part of a reply as it grows: complete blocks once, the open block as far as it is certain."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QFontInfo, QResizeEvent, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QWidget

from app.ink.document_edit import DocumentEdit, cut_from, text_between, units
from app.ink.marks import Mark, inks, text_format
from app.look.palette import Palette
from app.reading.alignment import begin_at
from app.reading.copying import CopyButtons
from app.reading.cutting import Resumed, next_end
from app.reading.formats import INDENT, KIND, Formats
from app.reading.formula_drawing import Formulas
from app.reading.formula_svg import Foresight
from app.reading.inline import BREAK
from app.reading.tables import below_table
from app.reading.text import Page
from app.reading.tip import Tip, continues, stays, tip_of
from app.reading.typeset import Environment, Typesetter

SLICE = 0.012  # seconds of typesetting before the window is looked after again
CLOSING = ("$", r"\)", r"\]")  # may end a formula
LONG = 2000  # characters of an open block from which on it is typeset anew only when a tenth was added


class Sheet(Page):
    """Shows growing Markdown, with faint marks if wanted.

    The source is a run of tokens with their marks. Complete blocks are not touched again. The open one is
    typeset as if it ended here, and again whenever more than plain words are added; what may still change its meaning
    is held back; the draft in progress follows it. Much source at once is typeset in slices, so that the window never
    waits.
    """

    completed = Signal()  # the last slice is typeset

    def __init__(self, palette: Palette, *, marked: bool, parent: QWidget | None = None) -> None:
        super().__init__(palette, marked=marked, parent=parent)
        self.document().setIndentWidth(INDENT)
        self._formulas, self._foresight = Formulas(self.document()), Foresight()
        self._source, self._final = "", False
        self._offsets: list[int] = []  # in the source, of each token
        self._marks: list[Mark] = []
        self._draft = ""
        self._environment: Environment = {}  # link targets defined so far
        self._known_links = 0
        self._buttons = CopyButtons(self.viewport())
        self._rest = QTimer(self, singleShot=True, interval=0)
        self._rest.timeout.connect(self._work)
        self._dress()
        self._reset()

    @property
    def markdown(self) -> str:
        """Return the Markdown given so far."""
        return self._source

    @property
    def complete(self) -> bool:
        """Return whether no slice is left to typeset."""
        return not self._waiting

    @property
    def marked_text(self) -> list[tuple[str, Mark]]:
        """Return every token's text in the document, with its mark."""
        whole = text_between(self.document(), 0, self._tail).encode("utf-16-le")
        spans = pairwise([*self._layer.starts, self._tail])
        texts = [whole[2 * first : 2 * last].decode("utf-16-le") for first, last in spans]
        return list(zip(texts, self._layer.marks, strict=True))

    def grow(self, tokens: Sequence[tuple[str, Mark]], draft: str, *, final: bool) -> None:
        """Append ``tokens`` and replace the draft behind them by ``draft``; ``final``: there is no more."""
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
        """Clear source and document."""
        self._source, self._draft, self._final = "", "", False
        self._offsets.clear()
        self._marks.clear()
        self._environment, self._known_links = {}, 0
        self._reset()

    def rebuild(self) -> None:
        """Typeset everything again."""
        self._reset()
        self._work()

    def show_marks(self, marked: bool) -> None:
        """Show or hide marks and the draft in progress."""
        if marked != self._marked:
            self._marked = marked
            self._cache.cut()
            self._work()
            self.viewport().update()

    def offset_of(self, y: float) -> int:
        """Return the number of tokens before the line at ``y``."""
        return self._layer.first_below(y, self._metrics())

    def y_of(self, offset: int) -> float:
        """Invert ``offset_of``."""
        last = len(self._layer.starts) - 1
        return self._box(min(offset, last)).top() if last >= 0 else 0.0

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the copy buttons at their code."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._buttons.place(0)

    def changeEvent(self, event: QEvent) -> None:
        """Typeset everything again in a new font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._dress()
            if self._source:
                self.rebuild()

    # Writing. The document is: complete blocks | the open one | draft, parted at the positions _open and _tail.

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
        self._resumed = self._onward = Resumed()  # what goes on behind _typeset, and behind the end found next
        self._typeset = self._written = 0  # up to where the source is typeset, and up to where it is in the document
        self._open = self._tail = 0
        self._placed = 0  # buttons that stand in their corners
        self._waiting = False
        self._rest.stop()
        self._as_is: Tip | None = None  # by which the open block was typeset, where it looks as if it were complete
        self._last_form = self._tail_form = QTextBlockFormat()  # of the blocks that end at _open and at _tail
        self._layer.cut(0)
        self._cache.cut()
        self._dense = 0
        self._buttons.free(0)
        self._buttons.sweep()
        with DocumentEdit(self) as cursor:
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.removeSelectedText()
            cursor.setBlockFormat(QTextBlockFormat())

    def _work(self) -> None:
        """Bring the document up to date; after each slice let the window work, then continue."""
        until = time.perf_counter() + SLICE
        end = self._find_end()
        tip = self._tip() if end == self._typeset else None  # a block that ends leaves another one open
        self._keep_above(self._tail if tip is not None and self._goes_on(tip) else self._open)
        with DocumentEdit(self) as cursor:
            cut_from(cursor, self._tail, self._tail_form)
            while end > self._typeset and time.perf_counter() < until:
                self._typeset_to(cursor, end)
                end = self._find_end()
            waited, self._waiting = self._waiting, end > self._typeset
            if not self._waiting:
                self._write_open(cursor, self._tip() if tip is None else tip)
            self._layer.end = self._tail
        self._buttons.sweep()
        self._buttons.place(self._placed)
        self._placed = self._buttons.firm
        if self._waiting:
            self._rest.start()
            return
        if waited:
            self.completed.emit()
        if self._final and len(self._environment.get("references", ())) > self._known_links:
            self._known_links = len(self._environment["references"])
            self.rebuild()  # a link may stand before its target

    def _find_end(self) -> int:
        """Return the end of the next blocks to typeset, and note how the source continues there."""
        end, self._onward = next_end(self._source, self._typeset, self._resumed, final=self._final)
        return end

    def _typeset_to(self, cursor: QTextCursor, end: int) -> None:
        """Complete the blocks up to ``end``, typesetting only what is not shown yet as it will be."""
        if not self._let_stand(cursor, end):
            self._set(cursor, Tip(end - self._typeset), self._environment, whole=not self._onward.prefix)
        self._typeset, self._written, self._dense, self._resumed = end, end, 0, self._onward
        self._as_is = None
        self._open = self._tail
        self._last_form = self._tail_form = cursor.blockFormat()
        self._buttons.firm = len(self._buttons.all)

    def _set(self, cursor: QTextCursor, tip: Tip, environment: Environment, *, whole: bool) -> None:
        """Replace the open block by what ``tip`` shows of the source from ``_typeset`` on."""
        cut_from(cursor, self._open, self._last_form)
        self._buttons.free(self._buttons.firm)
        start, end = self._typeset, self._typeset + tip.shown
        piece = self._source[start:end]
        first, last = bisect_left(self._offsets, start), bisect_left(self._offsets, end)
        self._layer.cut(first)
        before, drawn = self._open, list[str]()
        if piece.strip():
            self._setter.next_block(cursor)
            before = cursor.position()
            text, resumed = self._resumed.prefix + piece + tip.closing, self._resumed.kind
            drawn = self._setter.write(cursor, text, environment, whole=whole, resumed=resumed)
            cursor.movePosition(QTextCursor.MoveOperation.End)
            self._buttons.add(self.document().findBlock(before))
        shown = text_between(self.document(), before, cursor.position())
        offsets = (offset - start for offset in self._offsets[first:last])
        self._layer.starts += [before + at for at in begin_at(offsets, piece, shown, drawn)]
        self._layer.marks += self._marks[first:last]
        self._written, self._tail, self._tail_form = end, cursor.position(), cursor.blockFormat()

    def _let_stand(self, cursor: QTextCursor, end: int) -> bool:
        """Complete the open block, ending at ``end``, as it is shown; return False if it must be typeset again."""
        piece, shown = self._source[self._typeset : end], self._written - self._typeset
        if self._as_is is None or self._onward.prefix or not stays(piece, shown, self._as_is):
            return False
        if not self._as_is.fence:
            if cursor.blockFormat().property(KIND) == "code":
                return False  # moved in: spaces at its end are part of it
            self._append(cursor, self._typeset + len(piece.rstrip()), self._setter.letters)
        self._setter.end_block(cursor)
        rest = self._offsets[len(self._layer.starts) : bisect_left(self._offsets, end)]
        breaks = self._source.startswith("\n", self._written)
        self._layer.marks += self._marks[len(self._layer.starts) :][: len(rest)]
        self._layer.starts += [self._tail if breaks and at == self._written else cursor.position() for at in rest]
        self._tail = cursor.position()
        return True

    def _tip(self) -> Tip:
        return tip_of(self._source[self._typeset :], self._resumed.fence)

    def _goes_on(self, tip: Tip) -> bool:
        """Return whether what ``tip`` adds can simply be appended."""
        if not self._dense or self._setter.letters is None:
            return False
        shown = self._written - self._typeset
        return self._rests(tip) or continues(self._source[self._typeset :], shown, tip)

    def _rests(self, tip: Tip) -> bool:
        """Return whether the open block is long and was typeset too recently to do so again for what ``tip`` adds."""
        return self._dense > LONG and 0 <= tip.shown - self._dense < self._dense // 10

    def _write_open(self, cursor: QTextCursor, tip: Tip) -> None:
        """Write what ``tip`` shows of the open block, and the draft."""
        if self._goes_on(tip):
            if self._rests(tip) or tip.closing or tip.fence:
                self._as_is = None
            letters = cursor.charFormat() if tip.closing else self._setter.letters
            self._append(cursor, self._typeset + tip.shown, letters)
        elif not self._rests(tip) and (tip.shown != self._written - self._typeset or not self._dense):
            known = self._environment.get("references", {})
            links = dict(known)  # those of an open block are not yet whole
            self._set(cursor, tip, {**self._environment, "references": links}, whole=False)
            self._dense = tip.shown
            self._as_is = None if tip.closing or len(links) > len(known) else tip
        draft = self._draft if self._marked and not below_table(cursor) else ""
        if draft:
            if not self._dense:
                self._setter.begin_paragraph(cursor)
            cursor.insertText(draft.replace("\n", BREAK), self._draft_format)
        if cursor.blockFormat().property(KIND) == "code":
            cursor.insertBlock(self._formats.spare())  # the bottom of its box is outside of the block

    def _append(self, cursor: QTextCursor, end: int, letters: QTextCharFormat | None) -> None:
        """Write the source up to ``end`` at ``cursor`` as plain words in ``letters``; record where tokens begin."""
        at, position = self._written, cursor.position()
        text = self._source[at:end].replace("\r", "").replace("\n", BREAK)
        cursor.insertText(text, letters or self._formats.text)
        self._written, self._tail = end, cursor.position()
        first, last = len(self._layer.starts), bisect_left(self._offsets, end)
        for offset in self._offsets[first:last]:
            position += units(self._source[at:offset].replace("\r", ""))
            at = max(offset, at)
            self._layer.starts.append(position)
        self._layer.marks += self._marks[first:last]
