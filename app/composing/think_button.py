"""The switch beside the composer's button for models that can think before they answer, or not."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton


class ThinkButton(QPushButton):
    """Pressed in: the model thinks first. Hidden where it cannot choose."""

    def __init__(self) -> None:
        super().__init__("Think first")
        self.setObjectName("chip")
        self.setCheckable(True)
        self.setAccessibleName("Think first")
        self.setToolTip("Let the model think before it answers: slower, and better for hard questions")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keyboard in the field
        self.hide()
