"""Text in one of the styles that the style sheet knows by name, and text that somebody else wrote."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as Gui
from PySide6.QtWidgets import QLabel


def label(text: str, name: str) -> QLabel:
    """Return ``text``, shown as it stands and wrapped where it is long, in the style ``name``."""
    made = QLabel(text)
    made.setObjectName(name)
    made.setWordWrap(True)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made


def plain_tip(text: str) -> str:
    """Return ``text`` for a tool tip or a label that would take it for HTML: shown as it stands, nothing is loaded.

    Qt decides by the look of a text whether it is HTML, and opens the files that its pictures name.
    """
    return Gui.convertFromPlainText(text) if Gui.mightBeRichText(text) else text
