"""The switch beside Send that makes a model think before it answers."""

from __future__ import annotations

from app.look.quiet_button import QuietButton


class ThinkButton(QuietButton):
    """A toggle: while pressed, the model thinks first. Hidden for models without that choice."""

    def __init__(self) -> None:
        tip = "Let the model think before it answers: slower, and better for hard questions"
        super().__init__("Think first", "chip", tip=tip)
        self.setCheckable(True)
        self.hide()
