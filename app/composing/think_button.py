"""The switch beside the composer's button for models that can think before they answer, or not."""

from __future__ import annotations

from app.look.quiet_button import QuietButton


class ThinkButton(QuietButton):
    """Pressed in: the model thinks first. Hidden where it cannot choose."""

    def __init__(self) -> None:
        tip = "Let the model think before it answers: slower, and better for hard questions"
        super().__init__("Think first", "chip", tip=tip)
        self.setCheckable(True)
        self.hide()
