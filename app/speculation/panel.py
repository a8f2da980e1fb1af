"""The right column: how fast, how that compares with plain decoding, and what each level did."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.palette import Palette
from app.speculation import wording
from app.speculation.legend import Legend
from app.speculation.marks import level_colour
from app.speculation.meter import LevelCard
from app.speculation.tally import Tally
from app.typeface import tabular
from engine.events import LevelInfo

EXPLANATION = "Ask something, and each level's proposals, vetoes and milliseconds appear here."


class SpeculationPanel(QScrollArea):
    """Shows a tally. Its cards are rebuilt only when the chain of levels changes."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAccessibleName("Speculation")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._palette = palette
        self._levels: tuple[LevelInfo, ...] = ()
        self.cards: list[LevelCard] = []  # bottom first, like the levels
        self.pace, self.unit = _label("–", "bigFigure"), _label("tokens/s", "bigUnit")
        self.verdict = _label("", "verdict")
        self.average = _label("", "small")
        self.outcome = _label("", "small")
        self.between = _label("", "small")
        self.legend = Legend(palette)
        for changing in (self.pace, self.verdict, self.average, self.outcome, self.between):
            changing.setFont(tabular(changing.font()))
        for long in (self.verdict, self.outcome):
            long.setWordWrap(True)
        self._head = QWidget()
        self._cards = QVBoxLayout()
        self._cards.setSpacing(12)
        self._hint = _label(EXPLANATION, "small")
        self._hint.setWordWrap(True)
        self._build()
        self.reset()

    def show_tally(self, tally: Tally, *, running: bool) -> None:
        """Show the counts of ``tally``; while ``running`` the large figure is the pace of the last second."""
        levels = tally.started.levels if tally.started is not None else ()
        if levels and levels != self._levels:
            self._rebuild(levels)
        if not levels and self._levels:
            return  # the next answer has not begun: the last one's figures stay
        pace = tally.now if running else tally.average
        self.pace.setText("–" if pace is None else wording.number(pace))
        self.pace.setAccessibleName("Speed now" if running else "Average speed")
        self.verdict.setText(wording.verdict(tally) if levels else "")
        self.average.setText(f"average {wording.number(tally.average)} tokens/s" if tally.average and running else "")
        self.average.setVisible(bool(self.average.text()))
        self.outcome.setText(wording.counterfactual(tally))
        self.outcome.setVisible(bool(self.outcome.text()))
        for card, level in zip(self.cards, tally.levels, strict=True):
            card.show_level(level, tally.seconds)
        share = tally.between / tally.seconds if tally.seconds else None
        self.between.setText(f"sampling and bookkeeping {wording.percent(share)}" if share is not None else "")

    def reset(self) -> None:
        """Forget the last answer."""
        self._rebuild(())
        self.show_tally(Tally(), running=False)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        self.legend.set_palette(palette)
        self._paint_cards()

    def _build(self) -> None:
        body = QWidget()
        body.setObjectName("panelBody")
        rows = QVBoxLayout(body)
        rows.setContentsMargins(16, 12, 16, 16)
        rows.setSpacing(3)
        head = QHBoxLayout(self._head)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(8)
        head.addWidget(self.pace, 0, Qt.AlignmentFlag.AlignBaseline)
        head.addWidget(self.unit, 0, Qt.AlignmentFlag.AlignBaseline)
        head.addStretch()
        head.addWidget(self.average, 0, Qt.AlignmentFlag.AlignBaseline)
        for widget in (self._head, self.verdict, self.outcome):
            rows.addWidget(widget)
        rows.addSpacing(14)
        rows.addWidget(_label("LEVELS", "section"))
        rows.addSpacing(8)
        rows.addWidget(self._hint)
        rows.addLayout(self._cards)
        rows.addSpacing(6)
        rows.addWidget(self.between)
        rows.addSpacing(18)
        rows.addWidget(_label("TOKENS", "section"))
        rows.addSpacing(8)
        rows.addWidget(self.legend)
        rows.addStretch()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidget(body)

    def _rebuild(self, levels: tuple[LevelInfo, ...]) -> None:
        """Make a card for each level, the target on top."""
        for card in self.cards:
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._levels = levels
        last = len(levels) - 1
        self.cards = [LevelCard(info, bottom=i == 0, top=i == last) for i, info in enumerate(levels)]
        for card in reversed(self.cards):
            self._cards.addWidget(card)
        self._hint.setVisible(not levels)
        for widget in (self._head, self.verdict, self.between):
            widget.setVisible(bool(levels))
        self._paint_cards()

    def _paint_cards(self) -> None:
        for index, card in enumerate(self.cards):
            card.paint_in(level_colour(index, self._levels, self._palette), self._palette)


def _label(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    return label
