"""A column in the middle of a window that may be much wider: long lines are hard to read."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

WIDEST = 720  # pixels a line of text gets
SIDE = 24  # free pixels on both sides, at least


class Middle(QWidget):
    """Keeps ``column`` in its middle, WIDEST at most."""

    def __init__(self, column: QWidget) -> None:
        super().__init__()
        column.setMaximumWidth(WIDEST)
        self._sides = QHBoxLayout(self)
        self._sides.addStretch()
        self._sides.addWidget(column, 1000)
        self._sides.addStretch()
        self.give_way(0)

    def give_way(self, taken: int) -> None:
        """Leave the column where it is although something takes ``taken`` pixels at the right."""
        self._sides.setContentsMargins(SIDE, 0, SIDE - taken, 0)
