"""Why the chain at work was chosen, what was expected of it and what came, where the engine chose it."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.log.planning import plan_of
from app.speculation.caption_label import CaptionLabel
from engine.tally import Tally

WHY = "The method chosen leaves it to the engine what guesses and what checks; it goes by what it measures here."
CAME = "The speed that was expected from what was measured before, and the one that came."
BEFORE = "The engine may choose anew in the middle of an answer; the words stay the same."


class PlanNote(QWidget):
    """Shows the last choice of an answer; nothing where none was made."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = CaptionLabel("", "cardTitle", WHY, wrapped=True)
        self.reason = CaptionLabel("", "small", WHY, wrapped=True)
        self.came = CaptionLabel("", "small", CAME, figures=True, wrapped=True)
        self.before = CaptionLabel("", "small", BEFORE, figures=True, wrapped=True)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 10, 0, 0)
        rows.setSpacing(3)
        rows.addWidget(CaptionLabel("WHY THIS CHAIN", "section", WHY))
        for line in (self.chain, self.reason, self.came, self.before):
            rows.addWidget(line)
        self.hide()

    def show_tally(self, tally: Tally, *, technical: bool) -> None:
        """Show the last choice that ``tally`` knows of, in ``technical`` words or plain ones."""
        plan = plan_of(tally, technical=technical)
        self.setVisible(plan is not None)
        if plan is None:
            return
        self.chain.setText(plan.chain)
        self.reason.setText(plan.reason)
        self.came.setText(plan.came)
        self.before.setText(plan.before)
        self.before.setVisible(bool(plan.before))
        self.setAccessibleName(f"Why this chain: {plan}")
