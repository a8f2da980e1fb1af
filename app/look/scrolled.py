"""A column of widgets that scrolls where the window is too low or too narrow for it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget


class Scrolled(QScrollArea):
    """Shows ``rows``, which fill it; bars appear only where the rows cannot be made small enough."""

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
        """Want all of the rows to be seen."""
        return self._column.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Give way as far as the window needs it."""
        return QSize(160, 80)


class _Column(QWidget):
    """As high as its rows need at a width, not as high as they would like: that is what makes a bar appear."""

    def heightForWidth(self, width: int) -> int:
        """Return that height."""
        layout = self.layout()
        return layout.totalMinimumHeightForWidth(width) if layout is not None else -1
