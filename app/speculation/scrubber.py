"""A slider that shows every pass of a reply in its level's lane, with a line at the current moment."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QWheelEvent
from PySide6.QtWidgets import QSlider, QWidget

from app.ink.marks import level_colour
from app.log.replay import Strip
from app.look.palette import Palette

LANE, BAR = 7, 5  # pixels
EDGE = 6
GAP = 5  # pixels between the lanes of two replies
STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class Scrubber(QSlider):
    """A slider over the milliseconds of a reply. ``sought`` carries seconds; ``stepped`` a round on or back."""

    sought = Signal(float)
    stepped = Signal(int)
    toggled = Signal()  # play or pause

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setAccessibleName("Place in the replay")
        self.setToolTip("Space plays and pauses, ← and → go round by round, Home and End to the ends, Esc closes")
        self._palette = palette
        self._strips: Sequence[Strip] = ()
        self._strip = QPixmap()
        self._told = False  # where the reader is, by who knows; any other change of the value is a wish
        self.valueChanged.connect(self._wish)

    def show_strips(self, strips: Sequence[Strip]) -> None:
        """Show complete replies, one below the other."""
        self._strips = strips
        self._told = True
        self.setRange(0, max(round(1000 * self._length), 1))
        self._told = False
        self._strip = QPixmap()
        self.updateGeometry()
        self.update()

    def show_place(self, seconds: float, said: str) -> None:
        """Move the line to ``seconds``; ``said`` is the moment in words."""
        self._told = True
        self.setValue(round(1000 * seconds))
        self._told = False
        self.setAccessibleDescription(said)

    def set_palette(self, palette: Palette) -> None:
        self._palette, self._strip = palette, QPixmap()
        self.update()

    def sizeHint(self) -> QSize:
        """A lane a level."""
        return QSize(160, self._lanes + 2 * EDGE)

    def minimumSizeHint(self) -> QSize:
        """No lower than its lanes."""
        return QSize(60, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Play, step, or go to an end."""
        key = Qt.Key(event.key())
        if key in STEPS:
            self.stepped.emit(STEPS[key])
        elif key == Qt.Key.Key_Space:
            self.toggled.emit()
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.sought.emit(0.0 if key == Qt.Key.Key_Home else self._length)
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the place under the pointer."""
        self._seek(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer while it is held down."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stay where the pointer left off."""
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to what is around."""
        event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the strip, what is still to come paler, and a line where the reader is."""
        ratio = self.devicePixelRatioF()
        if self._strip.size() != self.size() * ratio:
            self._strip = self._painted(ratio)
        painter = QPainter(self)
        here = EDGE + self._scale * self.value() / 1000
        painter.setOpacity(0.35)
        painter.drawPixmap(0, 0, self._strip)
        painter.setOpacity(1.0)
        painter.setClipRect(QRectF(0, 0, here, self.height()))
        painter.drawPixmap(0, 0, self._strip)
        painter.setClipping(False)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._palette.target if self.hasFocus() else self._palette.text))
        painter.drawRoundedRect(QRectF(here - 1.25, 1, 2.5, self.height() - 2), 1.25, 1.25)

    @property
    def _length(self) -> float:
        return max((rounds[-1].start + rounds[-1].seconds for rounds, _ in self._strips if rounds), default=0.0)

    @property
    def _lanes(self) -> int:
        """Pixels that all lanes are high together."""
        lanes = sum(max(len(levels), 1) for _, levels in self._strips)
        return LANE * max(lanes, 1) + GAP * max(len(self._strips) - 1, 0)

    @property
    def _scale(self) -> float:
        """Pixels a second."""
        return (self.width() - 2 * EDGE) / max(self._length, 1e-9)

    def _wish(self, milliseconds: int) -> None:
        """Go to the moment that an assistive device has set."""
        if not self._told:
            self.sought.emit(milliseconds / 1000)

    def _seek(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.sought.emit(min(max((event.position().x() - EDGE) / self._scale, 0.0), self._length))

    def _painted(self, ratio: float) -> QPixmap:
        strip = QPixmap(self.size() * ratio)
        strip.setDevicePixelRatio(ratio)
        strip.fill(Qt.GlobalColor.transparent)
        painter = QPainter(strip)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = (self.height() - self._lanes) / 2 + (LANE - BAR) / 2
        for reply in self._strips:
            self._paint_reply(painter, reply, top)
            top += LANE * max(len(reply[1]), 1) + GAP
        painter.end()
        return strip

    def _paint_reply(self, painter: QPainter, reply: Strip, top: float) -> None:
        """Paint every pass of a reply, the lane of its target at ``top``."""
        rounds, levels = reply
        colours = [QColor(level_colour(level, levels, self._palette)) for level in range(len(levels))]
        for pass_ in (pass_ for round_ in rounds for pass_ in round_.passes):
            lane = len(levels) - 1 - pass_.level
            long = max(self._scale * pass_.seconds, 0.5)
            box = QRectF(EDGE + self._scale * pass_.start, top + lane * LANE, long, BAR)
            painter.fillRect(box, colours[pass_.level])
