"""A list of names to pick from, beside what each of them stands for."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QListWidget, QSizePolicy

EDGE = 20  # pixels: what the sheet puts left and right of the rows


class Names(QListWidget):
    """As wide as its longest row in whatever size of text, ``least`` pixels at least."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self._least = least
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.ensurePolished()  # else the rows are laid out before the sheet is known

    def sizeHint(self) -> QSize:
        """Be as wide as the rows, and a scroll bar where they are many."""
        bar = self.verticalScrollBar()
        taken = bar.sizeHint().width() if bar.maximum() > 0 else 0
        return QSize(max(self._least, self.sizeHintForColumn(0) + EDGE + taken), super().sizeHint().height())
