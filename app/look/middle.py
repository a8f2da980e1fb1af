"""Centres a column of readable width in a window that may be much wider."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

WIDEST = 720  # pixels a line of text gets
SIDE = 24  # free pixels on both sides, at least


class Middle(QWidget):
    """Centres ``column``, which grows to WIDEST pixels at most."""

    def __init__(self, column: QWidget) -> None:
        super().__init__()
        column.setMaximumWidth(WIDEST)
        self._sides = QHBoxLayout(self)
        self._sides.addStretch()
        self._sides.addWidget(column, 1000)
        self._sides.addStretch()
        self.give_way(0)

    def give_way(self, taken: int) -> None:
        """Keep the column where it is when something takes ``taken`` pixels at the right."""
        self._sides.setContentsMargins(SIDE, 0, SIDE - taken, 0)
