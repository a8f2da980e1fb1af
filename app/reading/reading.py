"""The Reading view of a reply: its thoughts, folded, and its answer, typeset."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ink.marks import Mark, mark_of
from app.log.ledger import Ledger
from app.look.palette import Palette
from app.reading.sheet import Sheet
from app.reading.source import parts
from app.reading.thoughts import Thoughts


@dataclass(slots=True)
class _Feed:
    """Tracks what ``sheet`` was given: the source from ``start`` to ``at``, beginning with token ``first``."""

    sheet: Sheet
    start: int = 0
    at: int = 0
    first: int = 0


class Reading(QWidget):
    """Shows ``ledger`` as text. ``reached`` carries the sheet and place the reader's cursor went to; ``completed`` is
    emitted when a text typeset in slices is done."""

    reached = Signal(object, QRect)  # TextView
    completed = Signal()

    def __init__(self, ledger: Ledger, palette: Palette, *, marked: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ledger, self._palette, self._marked, self._moving = ledger, palette, marked, True
        self._count = 0  # tokens of the ledger taken
        self._source = ""
        self._offsets: list[int] = []  # in the source, of each token that is part of the reply
        self._marks: list[Mark] = []
        self.thoughts: Thoughts | None = None
        self.sheet = Sheet(palette, marked=marked)
        self.sheet.reached.connect(lambda spot: self.reached.emit(self.sheet, spot))
        self.sheet.completed.connect(self.completed)
        self._thinking: _Feed | None = None
        self._answering = _Feed(self.sheet)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(10)
        self._rows.addWidget(self.sheet)

    @property
    def sheets(self) -> list[Sheet]:
        """Return every sheet, in reading order."""
        return [self.sheet] if self.thoughts is None else [self.thoughts.sheet, self.sheet]

    @property
    def complete(self) -> bool:
        """Return whether everything taken is in the document."""
        return all(sheet.complete for sheet in self.sheets)

    def catch_up(self, *, final: bool) -> None:
        """Show what the ledger has gained; ``final``: nothing more will come."""
        self._take()
        draft = "".join(token.text for token in self._ledger.pending if not token.ghost)
        found = parts(self._source, final=final)
        thinking = found.answer is None
        if found.thoughts is not None:
            self._feed(self._make_thoughts(), found.thoughts, draft if thinking else "", final=final or not thinking)
        if self.thoughts is not None:
            self.thoughts.say_over(final or not thinking)
        if found.answer is not None:
            self._feed(self._answering, found.answer, draft, final=final)

    def rebuild(self) -> None:
        """Start over, because the ledger has lost tokens."""
        self._count, self._source = 0, ""
        self._offsets.clear()
        self._marks.clear()

    def show_marks(self, marked: bool) -> None:
        """Show or hide marks."""
        self._marked = marked
        for sheet in self.sheets:
            sheet.show_marks(marked)

    def set_motion(self, moving: bool) -> None:
        """Let marks fade in, or appear at once."""
        self._moving = moving
        for sheet in self.sheets:
            sheet.set_motion(moving)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        self.sheet.set_palette(palette)
        if self.thoughts is not None:
            self.thoughts.set_palette(palette)

    def lay_out(self, width: int) -> None:
        """Lay the text out at ``width``, even while hidden."""
        for sheet in self.sheets:
            sheet.lay_out(width)

    def offset_of(self, y: float) -> int:
        """Return how many tokens of the reply stand before the line at ``y``."""
        for feed in (self._answering, self._thinking):
            if feed is not None and feed.sheet.isVisibleTo(self):
                top = feed.sheet.mapTo(self, QPoint(0, 0)).y()
                if y >= top:
                    return feed.first + feed.sheet.offset_of(y - top)
        return 0

    def y_of(self, offset: int) -> float:
        """Invert ``offset_of``."""
        feed = self._answering
        if self._thinking is not None and offset < feed.first:
            feed = self._thinking
        if not feed.sheet.isVisibleTo(self):
            return 0.0
        return feed.sheet.mapTo(self, QPoint(0, 0)).y() + feed.sheet.y_of(max(offset - feed.first, 0))

    def _take(self) -> None:
        """Add the ledger's new tokens to the source."""
        fresh = self._ledger.tokens[self._count :]
        self._count += len(fresh)
        at, pieces = len(self._source), [self._source]
        for token in fresh:
            if not token.ghost:
                self._offsets.append(at)
                self._marks.append(mark_of(token, self._ledger.levels))
                pieces.append(token.text)
                at += len(token.text)
        self._source = "".join(pieces)

    def _feed(self, feed: _Feed, part: range, draft: str, *, final: bool) -> None:
        """Give a sheet the missing rest of ``part`` of the source; restart it if it was given too much."""
        kept = part.start == feed.start and part.stop >= feed.at
        if not kept or not self._source.startswith(feed.sheet.markdown, feed.start):
            feed.sheet.clear()
            feed.start = feed.at = part.start
        if feed.at == feed.start:
            feed.first = max(bisect_right(self._offsets, feed.start) - 1, 0)
        feed.sheet.grow(list(self._tokens(feed.at, part.stop)), draft, final=final)
        feed.at = part.stop

    def _tokens(self, start: int, stop: int) -> Iterator[tuple[str, Mark]]:
        """Yield the tokens of the source from ``start`` to ``stop``, cut where they reach beyond."""
        if start >= stop:
            return
        first = max(bisect_right(self._offsets, start) - 1, 0)
        last = bisect_left(self._offsets, stop)
        for index in range(first, last):
            end = self._offsets[index + 1] if index + 1 < len(self._offsets) else len(self._source)
            yield self._source[max(self._offsets[index], start) : min(end, stop)], self._marks[index]

    def _make_thoughts(self) -> _Feed:
        if self._thinking is None:
            self.thoughts = Thoughts(self._palette, marked=self._marked)
            sheet = self.thoughts.sheet
            sheet.set_motion(self._moving)
            sheet.reached.connect(lambda spot: self.reached.emit(sheet, spot))
            self._rows.insertWidget(0, self.thoughts)
            self._thinking = _Feed(sheet)
        return self._thinking
