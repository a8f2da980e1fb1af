"""Why the chain at work was chosen, what was expected of it and what came, where the engine chose it."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.log.planning import plan_of
from app.speculation.caption_label import CaptionLabel
from engine.config import PRESETS
from engine.tally import Tally

WHY = "The method chosen leaves it to the engine what guesses and what checks; it goes by what it measures here."
CAME = "The speed that was expected from what was measured before, and the one that came."
UNIT = "tokens/\u2060s"  # which no line ends within
LINES = 6  # that the sentences about a chain mostly need, kept free from an answer's beginning on
BEFORE = "The engine may choose anew in the middle of an answer; the words stay the same."


class PlanNote(QWidget):
    """Shows the last choice of an answer, with room for it before its first round; nothing where none is made."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = CaptionLabel("", "cardTitle", WHY, wrapped=True)
        self.reason = CaptionLabel("", "small", WHY, wrapped=True)
        self.came = CaptionLabel("", "small", CAME, figures=True, wrapped=True)
        self.before = CaptionLabel("", "small", BEFORE, figures=True, wrapped=True)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 12)
        rows.setSpacing(3)
        rows.addWidget(CaptionLabel("WHY THIS CHAIN", "section", WHY))
        for line in (self.chain, self.reason, self.came, self.before):
            rows.addWidget(line)
        rows.addStretch(1)
        self.keep_free()
        self.hide()

    def show_tally(self, tally: Tally, *, technical: bool) -> None:
        """Show the last choice that ``tally`` knows of, in ``technical`` words or plain ones."""
        plan = plan_of(tally, technical=technical)
        self.setVisible(plan is not None or _to_come(tally))
        said = ("", "", "", "") if plan is None else (plan.chain, plan.reason, plan.came, plan.before)
        for line, text in zip((self.chain, self.reason, self.came, self.before), said, strict=True):
            line.setText(text.replace("tokens/s", UNIT))
            line.setVisible(bool(text))
        self.setAccessibleName("" if plan is None else f"Why this chain: {plan}")

    def changeEvent(self, event: QEvent) -> None:
        """Keep lines of a new size free."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "reason"):
            self.keep_free()

    def keep_free(self) -> None:
        """Keep room for LINES below the heading, so that what stands below does not move when they come."""
        self.reason.ensurePolished()
        self.setMinimumHeight((LINES + 1) * (self.reason.fontMetrics().lineSpacing() + 1) + 12)


def _to_come(tally: Tally) -> bool:
    """Tell whether the first round of an answer will say which chain was chosen, as that of Auto does."""
    preset = None if tally.started is None else PRESETS.get(tally.started.preset)
    return preset is not None and preset.gathers and not tally.rounds
