"""Caches pictures of text that no longer changes, so that a growing column is not repainted each time it scrolls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, inf

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractScrollArea

HEIGHT = 256  # pixels of a strip


@dataclass(slots=True)
class Strip:
    """A picture as wide as the view, painted from its ``top`` to ``end``, in pixels of the view."""

    picture: QPixmap
    top: int
    end: int


class PaintCache:
    """Keeps what ``draw`` paints on the ground of ``view``, as far as it is in view.

    Code that changes what would be painted has to call ``cut`` first.
    """

    def __init__(self, view: QAbstractScrollArea, draw: Callable[[QPainter, QRectF], None]) -> None:
        self._view, self._draw = view, draw
        self._kept: dict[int, Strip] = {}
        self._look: tuple[int, float, str] | None = None  # width, pixels a pixel, ground of the kept ones

    def cut(self, top: float = -inf) -> None:
        """Forget everything below ``top``."""
        self._kept = {number: strip for number, strip in self._kept.items() if strip.top < top}
        for strip in self._kept.values():
            strip.end = min(strip.end, floor(top))

    def paint(self, painter: QPainter, exposed: QRect, ground: QColor, end: float) -> QRect:
        """Paint the part of ``exposed`` above ``end``; returns what is left to paint, below it.

        Where a pixel of the view is not a whole number of the screen's, all is left: pictures would be blurred.
        """
        ratio = self._view.devicePixelRatioF()
        if ratio != floor(ratio):
            return exposed
        look = (self._view.viewport().width(), ratio, ground.name())
        if look != self._look:
            self._look = look
            self._kept.clear()
        self._forget_unseen()
        end = floor(min(end, exposed.bottom() + 1))
        for number in range(exposed.top() // HEIGHT, -(-end // HEIGHT)):
            strip = self._kept.get(number) or self._make(number, ratio)
            upto = min(end, strip.top + HEIGHT)
            self._fill(strip, upto, ground)
            shown = QRect(0, 0, self._view.viewport().width(), upto - strip.top)  # below it is nothing, or of before
            source = QRectF(0, 0, shown.width() * ratio, shown.height() * ratio)
            painter.drawPixmap(QRectF(shown.translated(0, strip.top)), strip.picture, source)
        return exposed.adjusted(0, max(end - exposed.top(), 0), 0, 0)

    def _make(self, number: int, ratio: float) -> Strip:
        picture = QPixmap(round(self._view.viewport().width() * ratio), round(HEIGHT * ratio))
        picture.setDevicePixelRatio(ratio)
        strip = self._kept[number] = Strip(picture, number * HEIGHT, number * HEIGHT)
        return strip

    def _fill(self, strip: Strip, end: int, ground: QColor) -> None:
        """Paint ``strip`` down to ``end``, unless it reaches as far already."""
        if end <= strip.end:
            return
        box = QRect(0, strip.end, self._view.viewport().width(), end - strip.end)
        painter = QPainter(strip.picture)
        painter.translate(0, -strip.top)
        painter.setClipRect(box)
        painter.fillRect(box, ground)
        self._draw(painter, QRectF(box))
        painter.end()
        strip.end = end

    def _forget_unseen(self) -> None:
        seen = self._view.viewport().visibleRegion().boundingRect()
        first, last = seen.top() // HEIGHT, seen.bottom() // HEIGHT
        for number in [number for number in self._kept if not first <= number <= last]:
            del self._kept[number]
