"""Text in one of the styles that the style sheet knows by name."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel


def label(text: str, name: str) -> QLabel:
    """Return ``text``, shown as it stands and wrapped where it is long, in the style ``name``."""
    made = QLabel(text)
    made.setObjectName(name)
    made.setWordWrap(True)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made
