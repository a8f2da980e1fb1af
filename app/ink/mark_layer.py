"""Keeps the positions of tokens in a document and paints their marks behind the letters."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping

from PySide6.QtCore import QPointF, QRectF, Qt, QTextBoundaryFinder
from PySide6.QtGui import QFontMetricsF, QPainter, QTextBlock, QTextDocument, QTextLine

from app.ink.marks import OVERHANG, Ink, Mark

ENDLESS = 1 << 62  # beyond the end of any document
GAP = 120.0  # pixels without letters, at most, between two lines


class MarkLayer:
    """Holds the position each shown token begins at, in ascending order, and its mark.

    A token reaches to where the next one begins, the last one to the end of its line or to ``end``.
    """

    def __init__(self, document: QTextDocument) -> None:
        self._document = document
        self.starts: list[int] = []
        self.marks: list[Mark] = []
        self.end = ENDLESS

    def cut(self, count: int) -> None:
        """Keep the first ``count`` tokens."""
        del self.starts[count:]
        del self.marks[count:]

    def first_below(self, y: float, metrics: QFontMetricsF) -> int:
        """Return the first token on a line that reaches below ``y``, or how many tokens there are."""
        band = QRectF(0, y, self._document.textWidth(), GAP)
        return next((index for index, _ in self.boxes(band, metrics)), len(self.starts))

    def paint(
        self,
        painter: QPainter,
        exposed: QRectF,
        metrics: QFontMetricsF,
        inks: Mapping[Mark, Ink],
        fresh: int,
        shade: float,
    ) -> None:
        """Paint the marks that ``exposed`` shows any part of; those from ``fresh`` on with the opacity ``shade``."""
        settled: dict[Mark, list[QRectF]] = {}
        fading: dict[Mark, list[QRectF]] = {}
        for index, box in self.boxes(exposed.adjusted(0, -OVERHANG, 0, OVERHANG), metrics):
            (fading if index >= fresh else settled).setdefault(self.marks[index], []).append(box)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for boxes, opacity in ((settled, 1.0), (fading, shade)):
            painter.setOpacity(opacity)
            for mark, where in boxes.items():
                inks[mark].paint(painter, where, metrics.descent())
        painter.setOpacity(1.0)

    def boxes(self, exposed: QRectF, metrics: QFontMetricsF) -> Iterator[tuple[int, QRectF]]:
        """Yield (token, box) for every piece of a token on a line that ``exposed`` touches."""
        if not self.starts:
            return
        for block in visible_blocks(self._document, exposed):
            origin = self._document.documentLayout().blockBoundingRect(block).topLeft()
            for line in _lines_between(block, exposed.top() - origin.y(), exposed.bottom() - origin.y()):
                yield from self._on_line(block, line, origin, metrics)

    def firm_above(self, position: int) -> float:
        """Return the y above which no line changes when text is put at ``position`` or taken away behind it.

        A word that grows may move down a line and back up again, and what follows may join the word before it: a full
        stop, an accent. So all is firm down to the line that ends before the last two places where a line may break.
        """
        block = self._document.findBlock(max(position - 1, 0))
        finder = QTextBoundaryFinder(QTextBoundaryFinder.BoundaryType.Line, block.text())
        at = min(position - block.position(), len(block.text()))
        for _ in range(2):
            finder.setPosition(at)
            at = max(finder.toPreviousBoundary(), 0)
        line = block.layout().lineForTextPosition(max(at - 1, 0))
        return self._document.documentLayout().blockBoundingRect(block).top() + (line.y() if line.isValid() else 0.0)

    def box_of(self, index: int, metrics: QFontMetricsF) -> QRectF:
        """Return the box of the first piece of a token that can be seen, an empty one where there is none."""
        block = self._document.findBlock(self.starts[index])
        line = block.layout().lineForTextPosition(self.starts[index] - block.position())
        origin = self._document.documentLayout().blockBoundingRect(block).topLeft()
        number = line.lineNumber() if line.isValid() else block.layout().lineCount()
        for later in range(number, min(number + 2, block.layout().lineCount())):  # its space may end a line
            for found, box in self._on_line(block, block.layout().lineAt(later), origin, metrics):
                if found == index:
                    return box
        top = origin.y() + (line.y() if line.isValid() else 0.0)
        left = _x(line, self.starts[index] - block.position()) if line.isValid() else 0.0
        return QRectF(origin.x() + left, top, 0, metrics.height())

    def _on_line(
        self, block: QTextBlock, line: QTextLine, origin: QPointF, metrics: QFontMetricsF
    ) -> Iterator[tuple[int, QRectF]]:
        first = block.position() + line.textStart()
        last = first + line.textLength()
        top, height = origin.y() + line.y() + line.ascent() - metrics.ascent(), metrics.height()
        edge = line.naturalTextRect().right()  # spaces at the end of a line hang over
        index = max(bisect_right(self.starts, first) - 1, 0)
        left = _x(line, max(self.starts[index], first) - block.position())
        while index < len(self.starts) and self.starts[index] < last:
            end = self.starts[index + 1] if index + 1 < len(self.starts) else self.end
            right = min(_x(line, min(end, last) - block.position()), edge)
            low, high = sorted((left, right))  # from right to left in some scripts
            if high > low:
                yield index, QRectF(origin.x() + low, top, high - low, height)
            left = right
            index += 1


def visible_blocks(document: QTextDocument, exposed: QRectF) -> Iterator[QTextBlock]:
    """Yield the blocks that ``exposed`` touches, in order."""
    layout = document.documentLayout()
    block = document.findBlock(max(layout.hitTest(exposed.topLeft(), Qt.HitTestAccuracy.FuzzyHit), 0))
    while block.previous().isValid() and layout.blockBoundingRect(block.previous()).bottom() >= exposed.top():
        block = block.previous()
    while block.isValid():
        box = layout.blockBoundingRect(block)
        if box.top() > exposed.bottom():
            return
        if box.bottom() >= exposed.top():
            yield block
        block = block.next()


def _lines_between(block: QTextBlock, top: float, bottom: float) -> Iterator[QTextLine]:
    """Yield the lines of ``block`` that touch the band from ``top`` to ``bottom``, in the block's coordinates."""
    lines = block.layout()
    count = lines.lineCount()
    index = bisect_left(range(count), top, key=lambda i: lines.lineAt(i).rect().bottom())
    while index < count and lines.lineAt(index).y() <= bottom:
        yield lines.lineAt(index)
        index += 1


def _x(line: QTextLine, at: int) -> float:
    """Return the x of a position of the block's text on ``line``."""
    found: object = line.cursorToX(at)  # (x, position), which the stubs do not say
    return float(found[0]) if isinstance(found, tuple) else 0.0
