"""A dialog in which Enter acts on the focused field and presses no default button."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog


class CalmDialog(QDialog):
    """On Enter presses only the focused button, which handles the key itself."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep Enter from pressing the button Qt makes the default: the first it finds, whatever it does."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            event.accept()
        else:
            super().keyPressEvent(event)
