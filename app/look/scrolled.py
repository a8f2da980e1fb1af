"""A column of widgets that scrolls when the window is too small for it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget


class Scrolled(QScrollArea):
    """Fills itself with ``rows``; scroll bars appear only when the rows cannot shrink enough."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("scrolled")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # whatever has the keyboard in it is brought into sight
        self._column = _Column()
        self._column.setObjectName("scrolled")
        self.rows = QVBoxLayout(self._column)
        self.setWidget(self._column)

    def sizeHint(self) -> QSize:
        """Ask for room to show every row."""
        return self._column.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Allow the window to shrink this."""
        return QSize(160, 80)


class _Column(QWidget):
    """Takes the height its rows need at a width, not the height they prefer, which would bring up a scroll bar."""

    def heightForWidth(self, width: int) -> int:
        """Return the height the rows need at ``width``."""
        layout = self.layout()
        return layout.totalMinimumHeightForWidth(width) if layout is not None else -1
