"""The card of one level: its name, what its passes cost, and how many guesses were kept."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.log import wording
from app.log.captions import Caption
from app.look.label import Label, label, plain_tip
from app.look.palette import Palette
from app.look.typeface import tabular
from engine.events import LevelInfo
from engine.tally import LevelTally


class Bar(QWidget):
    """A share from 0 to 1 as a slim bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share = 0.0
        self._colour = self._groove = QColor()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def paint_in(self, colour: str, groove: str) -> None:
        """Use ``colour`` on ``groove``."""
        self._colour, self._groove = QColor(colour), QColor(groove)
        self.update()

    def show_share(self, share: float) -> None:
        """Fill the bar to ``share``."""
        if share != self._share:
            self._share = share
            self.update()

    def sizeHint(self) -> QSize:
        """Six pixels high, as wide as there is room."""
        return QSize(60, 6)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint groove and filling."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        box = QRectF(self.rect())
        for colour, width in ((self._groove, box.width()), (self._colour, self._share * box.width())):
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(box.left(), box.top(), width, box.height()), 3, 3)


class LevelCard(QFrame):
    """Shows the level ``info`` under ``caption``; ``bottom`` and ``top``: its place in the chain.

    A caption with a word of the other vocabulary beside it is followed by what the level is, any other by what it does.
    """

    def __init__(
        self, info: LevelInfo, caption: Caption, *, bottom: bool, top: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.caption, self._bottom, self._top = caption, bottom, top
        does, cut = wording.verb(info, bottom=bottom, top=top), info.ahead(bottom=bottom) if info.cut else ""
        self.title = Label(caption.name)
        self.title.setObjectName("cardTitle")
        self.detail = _quiet(*((caption.beside,) if caption.beside else (info.detail,)))
        self.cost = _figure("cardCost")
        self.verb = _quiet(*(wording.kind(info, bottom=bottom) if caption.beside else (does,)))
        self.cut = label(cut, "cardVerb")
        if not cut:
            self.cut.hide()
        self.counts = _figure("cardCounts")
        self.bar = Bar()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 10, 12, 11)
        rows.setSpacing(5)
        rows.addLayout(_row(self.title, self.detail, self.cost))
        rows.addLayout(_row(self.verb, self.counts))
        rows.addWidget(self.cut)
        rows.addSpacing(2)
        rows.addWidget(self.bar)
        about = f"{caption.meaning}{wording.windowed(info, bottom=bottom)}"
        for explained in (self.title, self.detail, self.verb, self.cut):
            explained.setToolTip(plain_tip(about))

    def show_level(self, level: LevelTally, total: float) -> None:
        """Show the counts of ``level``, whose reply has taken ``total`` seconds so far."""
        self.cost.setText(wording.cost(level, total))
        self.cost.setToolTip(plain_tip(wording.explain_cost(level, self.caption, total)))
        self.counts.setText(wording.counts(level, bottom=self._bottom, top=self._top))
        self.bar.show_share(1.0 if self._bottom and self._top and level.written else level.rate or 0.0)
        counted = wording.counted(level, self.caption, bottom=self._bottom, top=self._top)
        self.counts.setToolTip(plain_tip(counted))
        self.bar.setToolTip(plain_tip(counted))
        said = wording.explain(level, self.caption, bottom=self._bottom, top=self._top)
        self.setToolTip(plain_tip(said))
        self.setAccessibleName(said)

    def paint_in(self, colour: str, palette: Palette) -> None:
        """Paint the level in ``colour``."""
        self.title.setStyleSheet(f"color: {colour}")
        self.bar.paint_in(colour, palette.line)


class Elided(Label):
    """Shows the first of ``texts``, longest first, that there is room for; the last may end in an ellipsis."""

    def __init__(self, *texts: str, parent: QWidget | None = None) -> None:
        super().__init__(texts[0], parent)
        self.texts = texts
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        """No width at all."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint as much of the text as fits."""
        painter, metrics = QPainter(self), self.fontMetrics()
        fitting = (text for text in self.texts if metrics.horizontalAdvance(text) <= self.width())
        shown = next(fitting, metrics.elidedText(self.texts[-1], Qt.TextElideMode.ElideRight, self.width()))
        painter.setPen(self.palette().windowText().color())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Return ``widgets`` in a row, the last one at its right end."""
    row = QHBoxLayout()
    row.setSpacing(7)
    for widget in widgets[:-1]:
        row.addWidget(widget)
    row.addStretch(0)
    row.addWidget(widgets[-1])
    return row


def _quiet(*texts: str) -> Elided:
    made = Elided(*texts)
    made.setObjectName("cardVerb")
    return made


def _figure(name: str) -> Label:
    made = Label("–")
    made.setObjectName(name)
    made.setFont(tabular(made.font()))
    made.setAlignment(Qt.AlignmentFlag.AlignRight)
    return made
