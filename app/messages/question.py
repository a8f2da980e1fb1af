"""A question as a bubble on the right, as wide as its text needs."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.speculation.prose import Prose

SHARE = 0.82  # of the column, at most


class Question(QWidget):
    """One question. Its text is shown as typed, never as markup."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = Prose()
        self.text.setPlainText(text)
        self.text.setAccessibleName("Question")
        self._bubble = QFrame()
        self._bubble.setObjectName("bubble")
        inside = QHBoxLayout(self._bubble)
        inside.setContentsMargins(14, 10, 14, 10)
        inside.addWidget(self.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch()
        row.addWidget(self._bubble)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the bubble the width of its longest line, up to a share of the column."""
        super().resizeEvent(event)
        self._fit(event.size())

    def _fit(self, size: QSize) -> None:
        document = self.text.document().clone(self)
        document.setTextWidth(-1)
        wanted = round(document.idealWidth()) + 2 * 14 + 4
        document.deleteLater()
        self._bubble.setFixedWidth(min(wanted, round(SHARE * size.width())))
