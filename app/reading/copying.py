"""The button at the top right of a code block."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget

THANKS = 1500  # ms


class CopyButton(QPushButton):
    """Puts ``code`` on the clipboard and says so for a moment."""

    def __init__(self, code: str, language: str, parent: QWidget) -> None:
        super().__init__("Copy", parent)
        self.setObjectName("copyCode")
        self.setAccessibleName(f"Copy {language} code" if language else "Copy code")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._code = code
        self.clicked.connect(self._copy)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._code)
        self.setText("Copied")
        QTimer.singleShot(THANKS, self, lambda: self.setText("Copy"))
