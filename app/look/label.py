"""Text that is shown as it stands, no matter who wrote it: labels, tool tips, and names in menus and on buttons."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as Gui
from PySide6.QtWidgets import QLabel, QWidget


class Label(QLabel):
    """A label that takes nothing for HTML: Qt would decide that by the look of the text, and open what it refers to."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)


def label(text: str, name: str) -> Label:
    """Return ``text``, wrapped where it is long, in the style that the sheet calls ``name``."""
    made = Label(text)
    made.setObjectName(name)
    made.setWordWrap(True)
    return made


def plain_tip(text: str) -> str:
    """Return ``text`` for a tool tip that would take it for HTML: shown as it stands, nothing is loaded.

    Qt decides by the look of a text whether it is HTML, and opens the files that its pictures name.
    """
    return Gui.convertFromPlainText(text) if Gui.mightBeRichText(text) else text


def plain_name(text: str) -> str:
    """Return ``text`` for a menu or a button: an & in it is no key, a tab begins no column of shortcuts."""
    return text.replace("\t", " ").replace("&", "&&")
