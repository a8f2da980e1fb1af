"""The lower half of the panel: an answer's rounds as a timeline, and two charts of what was kept of the guesses."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.log.acceptance_history import AcceptanceHistory
from app.log.ledger import Ledger
from app.look.palette import Palette
from app.speculation.caption_label import CaptionLabel
from app.speculation.charts import AcceptanceByPosition, AcceptanceOverTime
from app.speculation.timeline import Timeline

TIMELINE = "When each of them was at work, round by round. Click a bar to see its tokens."
OVER_TIME = "The share of the latest guesses that each one above the lowest kept, from the beginning of the answer."
BY_POSITION = "How often the first, second, third … guess in a row was kept."
SHOWN = "Which rounds are shown and how long they took together. In a round some words are guessed and then checked."


class Rounds(QWidget):
    """Shows the rounds of a ledger; the charts only where something was guessed."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self._history: AcceptanceHistory | None = None
        self.timeline = Timeline(palette)
        self.timeline.chosen.connect(self._caption_rounds)
        self.replay = QPushButton("Replay")
        self.replay.setObjectName("turnMain")
        self.replay.setAccessibleName("Replay this answer")
        self.replay.setToolTip("Replay how this answer came to be")
        self.caption = CaptionLabel("", "small", SHOWN, figures=True)
        self.over_time = AcceptanceOverTime("Acceptance over time", palette)
        self.by_position = AcceptanceByPosition("Acceptance by position", palette)
        self._charts = QWidget()
        self._arrange()

    def show_ledger(self, ledger: Ledger) -> None:
        """Show the rounds of ``ledger`` as they ran and how acceptance went."""
        history = self._history
        if history is None or history.ledger is not ledger or history.taken > len(ledger.rounds):
            history = self._history = AcceptanceHistory(ledger)
        history.catch_up()
        self.timeline.show_ledger(ledger)
        self._caption_rounds()
        self._charts.setVisible(len(ledger.levels) > 1)
        for chart in (self.over_time, self.by_position):
            chart.show_history(history)

    def show_technical(self, technical: bool) -> None:
        """Call the levels by their ``technical`` names, or by plain ones."""
        self.timeline.show_technical(technical)
        self.over_time.show_technical(technical)

    def point_at(self, at: int, passes: list[int]) -> None:
        """Outline ``passes`` of the round at ``at`` in the timeline."""
        self.timeline.pick(at, passes)
        self._caption_rounds()

    def forget(self) -> None:
        """Forget the last answer."""
        self._history = None

    def set_palette(self, palette: Palette) -> None:
        """Repaint the timeline and the charts in the colours of ``palette``."""
        for painted in (self.timeline, self.over_time, self.by_position):
            painted.set_palette(palette)

    def _caption_rounds(self) -> None:
        self.caption.setText(self.timeline.caption)

    def _arrange(self) -> None:
        rows, title, grid = QVBoxLayout(self), QHBoxLayout(), QGridLayout(self._charts)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        title.addWidget(CaptionLabel("TIMELINE", "section", TIMELINE))
        title.addWidget(self.replay)
        title.addStretch()
        title.addWidget(self.caption)
        rows.addLayout(title)
        rows.addWidget(self.timeline)
        rows.addWidget(self._charts)
        grid.setContentsMargins(0, 13, 0, 0)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        grid.addWidget(CaptionLabel("KEPT OVER TIME", "section", OVER_TIME), 0, 0)
        grid.addWidget(CaptionLabel("BY POSITION", "section", BY_POSITION), 0, 1)
        grid.addWidget(self.over_time, 1, 0)
        grid.addWidget(self.by_position, 1, 1)
