"""A button that leaves the keyboard where it is when it is clicked."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget


class QuietButton(QPushButton):
    """Takes the focus by Tab but not by a click: many such buttons vanish when pressed, and the focus with them.

    ``style`` is its name in the style sheet. Screen readers say ``name``, which is the text unless given.
    """

    def __init__(
        self, text: str = "", style: str = "", *, name: str = "", tip: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(text, parent)
        self.setObjectName(style)
        self.setAccessibleName(name or text.rstrip("…"))
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
