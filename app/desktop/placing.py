"""Puts the window where it was when it was closed, wholly on a screen that is there; tells when it is first seen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRect, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.look.room import make_room

GEOMETRY = "geometry"  # what the settings remember


class FirstPaint(QObject):
    """Tells once that ``window`` has been painted."""

    painted = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for a paint event, and look at no other after it."""
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self, self.painted.emit)
        return False


def place(window: QWidget, width: int, height: int, settings: QSettings) -> None:
    """Put ``window`` where ``settings`` remember it, or give it ``width`` and ``height``."""
    make_room(window, width, height)
    geometry = settings.value(GEOMETRY)
    if geometry is not None:
        window.restoreGeometry(geometry)
    if not window.windowState() & (Qt.WindowState.WindowMaximized | Qt.WindowState.WindowFullScreen):
        screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
        window.setGeometry(placed(window.geometry(), screens))


def keep_place(window: QWidget, settings: QSettings) -> None:
    """Have ``settings`` remember where ``window`` stands."""
    settings.setValue(GEOMETRY, window.saveGeometry())


def placed(frame: QRect, screens: Sequence[QRect]) -> QRect:
    """Return ``frame`` moved, and shrunk if needed, onto the screen it covers most, or onto the first screen."""
    if not screens:
        return frame
    home = max(screens, key=lambda screen: _area(screen.intersected(frame)))
    width, height = min(frame.width(), home.width()), min(frame.height(), home.height())
    left = min(max(frame.left(), home.left()), home.left() + home.width() - width)
    top = min(max(frame.top(), home.top()), home.top() + home.height() - height)
    return QRect(left, top, width, height)


def _area(rect: QRect) -> int:
    return max(rect.width(), 0) * max(rect.height(), 0)
