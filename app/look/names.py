"""A list of names to pick from, as wide as its longest row."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QListWidget, QSizePolicy

EDGE = 20  # pixels: what the sheet puts left and right of the rows


class Names(QListWidget):
    """Fits its longest row at any text size; ``least`` is its smallest width in pixels."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self._least = least
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.ensurePolished()  # else the rows are laid out before the sheet is known

    def sizeHint(self) -> QSize:
        """Ask for the width of the rows, plus that of a scroll bar where one is needed."""
        bar = self.verticalScrollBar()
        taken = bar.sizeHint().width() if bar.maximum() > 0 else 0
        return QSize(max(self._least, self.sizeHintForColumn(0) + EDGE + taken), super().sizeHint().height())
