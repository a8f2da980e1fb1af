"""Shows text literally, never as HTML: labels, tool tips, and names in menus and on buttons."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as Gui
from PySide6.QtWidgets import QLabel, QWidget


class Label(QLabel):
    """A label that never reads its text as HTML: Qt would guess from the text, and open the files it refers to."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)


def label(text: str, name: str) -> Label:
    """Return ``text``, wrapped where it is long, styled by the style sheet's rule for ``name``."""
    made = Label(text)
    made.setObjectName(name)
    made.setWordWrap(True)
    return made


def plain_tip(text: str) -> str:
    """Escape ``text`` for a tool tip, so that it is shown literally and loads nothing.

    Qt guesses from a text whether it is HTML, and opens the files that its pictures name.
    """
    return Gui.convertFromPlainText(text) if Gui.mightBeRichText(text) else text


def plain_name(text: str) -> str:
    """Escape ``text`` for a menu or a button, where & would mark a key and a tab would begin the shortcut column."""
    return text.replace("\t", " ").replace("&", "&&")
