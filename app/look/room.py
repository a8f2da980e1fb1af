"""How large a window opens: as it was drawn, larger where the text is, never larger than the screen."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QWidget

from app.look.theme import TEXT

FRAME = QSize(12, 40)  # pixels a desktop's frame and title take at most, before they can be measured


def available(window: QWidget) -> QRect:
    """Return the part of the window's screen that no panel of the desktop covers."""
    return window.screen().availableGeometry()


def room(window: QWidget) -> QSize:
    """Return how large ``window`` may be, so that its frame is on the screen as well."""
    return available(window).size() - FRAME


def make_room(window: QWidget, width: int, height: int) -> None:
    """Give ``window`` the size it was drawn with, in larger text more of it, but no more than the screen has."""
    growth = max(window.font().pixelSize() / TEXT, 1.0)
    window.resize(QSize(round(width * growth), round(height * growth)).boundedTo(room(window)))
