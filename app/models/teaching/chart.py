"""A chart of how often the drafter's guesses are right, by their place in a row, while it learns."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from app.look.palette import Palette, blend
from app.models.teaching.progress import Progress
from app.models.teaching.wording import by_guess, ordinal
from app.speculation.charts import DASHES, Chart
from engine import words

NOTHING = "How often its guesses are right is looked at as soon as it learns."
LINES = 10  # lines of text it is high
PALEST = 0.45  # of the way from the draft's colour to the muted one, for the last guess


class AgreementChart(Chart):
    """Shows ``progress``: a line for each place of a guess, from the beginning to the end of the course."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__("How often its guesses are right", palette, parent)
        self.setObjectName("legend")  # small type
        self._progress: Progress | None = None
        self.setAccessibleDescription(self.explain())

    def show_progress(self, progress: Progress | None) -> None:
        """Show ``progress``."""
        self._progress = progress
        self.setAccessibleDescription(self.explain())
        self.update()

    def explain(self) -> str:
        """Return the chart in words."""
        if self._progress is None or not self._progress.looks:
            return NOTHING
        first, last = self._progress.looks[0], self._progress.looks[-1]
        said = f"Right by place of the guess: {by_guess(last.agreement)}."
        return said if first is last else f"{said} At the first look: {by_guess(first.agreement)}."

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(240, LINES * self.fontMetrics().lineSpacing())

    def event(self, event: QEvent) -> bool:
        """Be higher with larger text."""
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the lines, each with dashes of its own and its place at its end."""
        painter = QPainter(self)
        looks = self._progress.looks if self._progress is not None else ()
        area = self._area(len(looks[-1].agreement) if looks else 0)
        self._grid(painter, area, curves=bool(looks))
        if self._progress is None or not looks:
            painter.setPen(QColor(self._palette.muted))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, NOTHING)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = max(self._progress.order.minutes, looks[-1].minutes)
        names = []
        for place in range(len(looks[-1].agreement)):
            at = [(area.left() + area.width() * look.minutes / whole, look.agreement[place]) for look in looks]
            points = [QPointF(x, area.bottom() - area.height() * share) for x, share in at]
            painter.setPen(QPen(self._colour(place), 1.8, DASHES[place % len(DASHES)]))
            painter.drawPolyline(QPolygonF(points))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._colour(place))
            painter.drawEllipse(points[-1], 2.5, 2.5)
            names.append((points[-1], f"{ordinal(place + 1)} {at[-1][1]:.0%}"))
        self._name(painter, names, area)

    def _area(self, lines: int) -> QRectF:
        """Return where the lines are: left of what they are called, above the times."""
        fit = self.fontMetrics()
        left, right = fit.horizontalAdvance("100% "), fit.horizontalAdvance(" 1st 100%") + 6 if lines else 4
        return QRectF(self.rect()).adjusted(left, fit.height() / 2, -right, -1.4 * fit.height())

    def _grid(self, painter: QPainter, area: QRectF, *, curves: bool) -> None:
        """Paint lines at 0 and 100 %, with ``curves`` at 50 % as well, and when the course began and will end."""
        fit, muted = self.fontMetrics(), QColor(self._palette.muted)
        for share in (0.0, 0.5, 1.0) if curves else (0.0, 1.0):
            y = area.bottom() - share * area.height()
            painter.fillRect(QRectF(area.left(), round(y), area.width(), 1), QColor(self._palette.line))
            painter.setPen(muted)
            name = QRectF(0, y - fit.height() / 2, area.left() - 4, fit.height())
            painter.drawText(name, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{share:.0%}")
        if self._progress is not None:
            below = QRectF(area.left(), area.bottom() + 0.3 * fit.height(), area.width(), fit.height())
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0")
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, words.duration(60 * self._progress.order.minutes))

    def _name(self, painter: QPainter, names: list[tuple[QPointF, str]], area: QRectF) -> None:
        """Write what each line is, right of its end, the upper ones first; none over another."""
        high = self.fontMetrics().height()
        least = area.top() - high / 2
        most = area.bottom() + high / 2 - high * len(names)
        for number, (end, text) in enumerate(names):
            y = min(max(end.y() - high / 2, least), most + number * high)
            painter.setPen(QColor(self._palette.text))
            painter.drawText(QRectF(end.x() + 6, y, self.width() - end.x() - 6, high), Qt.AlignmentFlag.AlignLeft, text)
            least = y + high

    def _colour(self, place: int) -> QColor:
        places = len(self._progress.looks[-1].agreement) if self._progress and self._progress.looks else 1
        share = PALEST * place / max(1, places - 1)
        return QColor(blend(self._palette.muted, self._palette.draft, share))
