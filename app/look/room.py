"""How large a dialog opens."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.look.theme import TEXT


def make_room(window: QWidget, width: int, height: int) -> None:
    """Give ``window`` the size it was drawn with, in larger text as much more of it as the screen has."""
    growth, screen = max(window.font().pixelSize() / TEXT, 1.0), window.screen().availableSize()
    grown = [min(round(side * growth), room) for side, room in ((width, screen.width()), (height, screen.height()))]
    window.resize(max(width, grown[0]), max(height, grown[1]))
