"""Decides how large a window opens: larger for larger text, never larger than the screen."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QWidget

from app.look.theme import TEXT

FRAME = QSize(12, 40)  # pixels a desktop's frame and title take at most, before they can be measured


def available(window: QWidget) -> QRect:
    """Return the part of the window's screen that desktop panels leave free."""
    return window.screen().availableGeometry()


def room(window: QWidget) -> QSize:
    """Return the largest size at which ``window`` and its frame fit on the screen."""
    return available(window).size() - FRAME


def make_room(window: QWidget, width: int, height: int) -> None:
    """Resize ``window`` to its designed size, scaled with the text and limited by the screen."""
    growth = max(window.font().pixelSize() / TEXT, 1.0)
    window.resize(QSize(round(width * growth), round(height * growth)).boundedTo(room(window)))
