"""The head of the panel: how fast an answer came, how that compares with plain decoding, and why it may be slower."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.log import wording
from app.log.slowdown import reason
from app.speculation.caption_label import CaptionLabel
from engine import words
from engine.tally import Tally

NOTES = 3  # lines below the figure that are kept free, so that nothing below them moves
AVERAGE = "How many tokens were written a second, on average over this answer. A token is a word or a part of one."
NOW = "How many tokens were written in the last second."
VERDICT = "How fast this answer came beside plain decoding: the big model alone, one token at a time."
OUTCOME = "How long the answer took, and how long plain decoding would have taken, as measured on this computer."
DRIFT = (
    "This method keeps guesses the big model would not have made itself. Each is compared with what it would have "
    "written in that place, after the words before it."
)
RACE = "Race plain decoding and the method chosen over the same question, side by side."
REASON = "What cost this answer the most time: without it, it would have gained the most."


class Pace(QWidget):
    """Shows the speed of an answer; the large figure is the average, as below the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.figure = CaptionLabel("–", "bigFigure", AVERAGE, figures=True)
        self.figure.setAccessibleName("Average speed")
        self.unit = CaptionLabel("tokens/s on average", "bigUnit", AVERAGE)
        self.now = CaptionLabel("", "small", NOW, figures=True)
        self.verdict = CaptionLabel("", "verdict", VERDICT, figures=True, wrapped=True)
        self.drift = CaptionLabel("", "small", DRIFT, figures=True, wrapped=True)
        self.outcome = CaptionLabel("", "small", OUTCOME, figures=True, wrapped=True)
        self.reason = CaptionLabel("", "small", REASON, wrapped=True)
        self.race = QPushButton("Race")
        self.race.setObjectName("turnMain")
        self.race.setAccessibleName("Race this answer against plain decoding")
        self.show_race("")
        self._notes = QWidget()
        self._arrange()

    def show_tally(self, tally: Tally, *, running: bool, technical: bool) -> None:
        """Show the speed counted by ``tally``, and once it is no longer ``running`` what it comes to."""
        self.figure.setText("–" if tally.average is None else words.pace(tally.average))
        self.verdict.setText(wording.verdict(tally) if tally.levels else "")
        self.now.setText(f"now {words.pace(tally.now)}" if tally.now and running else "")
        self.race.setVisible(not running)
        self.reason.setText("" if running else reason(tally, technical=technical))
        self.outcome.setText("" if self.reason.text() else wording.counterfactual(tally))
        self.drift.setText(wording.drift(tally))
        for note in (self.now, self.reason, self.outcome, self.drift):
            note.setVisible(bool(note.text()))

    def show_race(self, why_not: str) -> None:
        """Let the question be raced, or say ``why_not``."""
        self.race.setEnabled(not why_not)
        self.race.setToolTip(why_not or RACE)
        self.race.setAccessibleDescription(why_not)

    def changeEvent(self, event: QEvent) -> None:
        """Keep lines of a new size free."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "_notes"):
            self.keep_free()

    def keep_free(self) -> None:
        """Keep the lines below the figure free that an answer may end with."""
        self.outcome.ensurePolished()
        self._notes.setMinimumHeight(NOTES * self.outcome.fontMetrics().lineSpacing() + 6)

    def _arrange(self) -> None:
        head, notes, rows = QHBoxLayout(), QVBoxLayout(self._notes), QVBoxLayout(self)
        for layout, spacing in ((head, 8), (notes, 3), (rows, 3)):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(spacing)
        head.addWidget(self.figure, 0, Qt.AlignmentFlag.AlignBaseline)
        head.addWidget(self.unit, 0, Qt.AlignmentFlag.AlignBaseline)
        head.addStretch()
        head.addWidget(self.now, 0, Qt.AlignmentFlag.AlignBaseline)
        head.addWidget(self.race, 0, Qt.AlignmentFlag.AlignBaseline)  # in its place, once nothing is written
        notes.addWidget(self.outcome)
        notes.addWidget(self.reason)
        notes.setAlignment(Qt.AlignmentFlag.AlignTop)
        rows.addLayout(head)
        rows.addWidget(self.verdict)
        rows.addWidget(self.drift)
        rows.addWidget(self._notes)
