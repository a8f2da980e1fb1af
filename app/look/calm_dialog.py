"""A dialog in which Enter belongs to the field it is pressed in."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog


class CalmDialog(QDialog):
    """Presses no button for Enter but the one that has the keyboard, which sees to that itself."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep Enter from the button Qt would take for the default: the first it finds, whatever that does."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            event.accept()
        else:
            super().keyPressEvent(event)
