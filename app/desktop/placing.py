"""Where a window may stand: wholly on a screen that is there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect


def placed(frame: QRect, screens: Sequence[QRect]) -> QRect:
    """Return ``frame`` moved, and shrunk if need be, onto the screen it covers most; the first if it covers none."""
    if not screens:
        return frame
    home = max(screens, key=lambda screen: _area(screen.intersected(frame)))
    width, height = min(frame.width(), home.width()), min(frame.height(), home.height())
    left = min(max(frame.left(), home.left()), home.left() + home.width() - width)
    top = min(max(frame.top(), home.top()), home.top() + home.height() - height)
    return QRect(left, top, width, height)


def _area(rect: QRect) -> int:
    return max(rect.width(), 0) * max(rect.height(), 0)
