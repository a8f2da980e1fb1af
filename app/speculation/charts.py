"""Two small charts of the share of guesses kept: over the course of an answer, and by position in a row."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.ink.marks import level_colour
from app.log.acceptance_history import AcceptanceHistory, thinned
from app.log.captions import captions_of
from app.look.label import plain_tip
from app.look.palette import Palette
from engine import words

HEIGHT = 44
POINTS = 120
NOTHING = "Nothing was guessed yet."
DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashLine)  # the target's, then downwards


class Chart(QWidget):
    """A small picture of figures. Its text alternative is the accessible description, and a tool tip."""

    def __init__(self, name: str, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._palette = palette

    def set_palette(self, palette: Palette) -> None:
        """Repaint the chart in the colours of ``palette``."""
        self._palette = palette
        self.update()

    def explain(self) -> str:
        """Return the chart in words."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(100, HEIGHT)

    def event(self, event: QEvent) -> bool:
        """Show the chart in words as a tool tip."""
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), plain_tip(self.explain()), self)
            return True
        return super().event(event)


class HistoryChart(Chart):
    """Shows a history of acceptance."""

    def __init__(self, name: str, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(name, palette, parent)
        self._history: AcceptanceHistory | None = None

    def show_history(self, history: AcceptanceHistory | None) -> None:
        """Show ``history`` as far as it has come."""
        self._history = history
        self.setAccessibleDescription(self.explain())
        self.update()

    def _grid(self, painter: QPainter) -> None:
        """Paint the lines at 0% and 100%."""
        for y in (0.5, self.height() - 0.5):
            painter.fillRect(QRectF(0, y - 0.5, self.width(), 1), QColor(self._palette.line))


class AcceptanceOverTime(HistoryChart):
    """One line for each level that checks: its share of recent guesses kept, from the beginning of the answer."""

    def __init__(self, name: str, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(name, palette, parent)
        self._technical = False

    def show_technical(self, technical: bool) -> None:
        """Call the levels by their ``technical`` names, or by plain ones."""
        self._technical = technical
        self.setAccessibleDescription(self.explain())

    def explain(self) -> str:
        """Return the newest share of each level, and the lowest and highest."""
        if self._history is None:
            return NOTHING
        captions, parts = captions_of(self._history.ledger.levels, technical=self._technical), []
        for level, rates in self._lines():
            known = [rate for rate in rates if rate is not None]
            if known:
                extent = f"between {min(known):.0%} and {max(known):.0%} so far"
                parts.append(f"{captions[level].noun} keeps {known[-1]:.0%} of the latest guesses, {extent}")
        said = "; ".join(parts)
        return f"{said[0].upper()}{said[1:]}." if said else NOTHING

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the lines, each in its level's colour and with dashes of its own."""
        painter = QPainter(self)
        self._grid(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._history is None:
            return
        levels = self._history.ledger.levels
        for number, (level, rates) in enumerate(self._lines()):
            pen = QPen(QColor(level_colour(level, levels, self._palette)), 1.6, DASHES[number % len(DASHES)])
            painter.setPen(pen)
            painter.drawPolyline(self._path(rates))

    def _lines(self) -> list[tuple[int, Sequence[float | None]]]:
        rates = [] if self._history is None else self._history.rates
        return [(level + 1, rates[level]) for level in reversed(range(len(rates)))]

    def _path(self, rates: Sequence[float | None]) -> QPolygonF:
        values = thinned(list(rates), POINTS)
        step = (self.width() - 4) / max(len(values) - 1, 1)
        low, high = self.height() - 3.0, 3.0
        return QPolygonF([QPointF(2 + i * step, low + (high - low) * v) for i, v in enumerate(values) if v is not None])


class AcceptanceByPosition(HistoryChart):
    """One bar for each position in a row of guesses: the share of guesses kept there."""

    def explain(self) -> str:
        """Return the share at each position."""
        places = [] if self._history is None else self._history.places
        said = [f"{_place(place)} {stood / offered:.0%} of {offered}" for place, offered, stood in places]
        return f"Kept, by position of the guess: {', '.join(said)}." if said else NOTHING

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint one bar per position."""
        painter = QPainter(self)
        self._grid(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._palette.target))
        if self._history is None or not self._history.places:
            return
        places = self._history.places
        count = max(len(places), 4)
        step = self.width() / count
        for number, (_, offered, stood) in enumerate(places):
            tall = (self.height() - 2) * stood / offered
            painter.drawRoundedRect(QRectF(number * step + 2, self.height() - 1 - tall, step - 4, tall), 1.5, 1.5)


def _place(place: range) -> str:
    return str(place[0]) if len(place) == 1 else f"{place[0]} to {place[-1]}"


def per_pass(tokens: int, passes: int) -> str:
    """Return how many tokens a target pass writes on average."""
    return f"{words.pace(tokens / passes)} tokens a check" if passes else ""
