"""Names the course under way in the sidebar, or the one that was left."""

from __future__ import annotations

from app.models.sign_line import SignLine
from app.models.teaching import wording
from app.models.teaching.order import Order
from app.models.teaching.teaching import Teaching
from engine.teaching.home import Begun


class TeachingLine(SignLine):
    """Hidden while there is neither."""

    def __init__(self, teaching: Teaching) -> None:
        super().__init__("◔", "Teaching", "its window")
        self._teaching = teaching
        teaching.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show how far the course is while there is one."""
        progress = self._teaching.progress
        self.setVisible(progress is not None and not progress.over)
        if progress is not None:
            self.tell(progress.order.title, wording.short(progress))

    def show_left(self, order: Order, left: Begun) -> None:
        """Show that the course of ``order`` waits to be gone on with."""
        self.tell(order.title, f"left at {left.spent / max(left.asked.minutes, 1e-9):.0%}".replace("%", " %"))
        self.show()
