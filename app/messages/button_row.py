"""The row of buttons below a message."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.look.flow import FlowLayout

GAP = 2  # pixels


class ButtonRow(QWidget):
    """Holds ``widgets``, as high with all of them hidden as with a row of them, so that nothing moves.

    Those of an answer wrap into further rows; those of a question are on the right.
    """

    def __init__(self, widgets: Sequence[QWidget], *, right: bool) -> None:
        super().__init__()
        self._widgets = widgets
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self) if right else FlowLayout(GAP, self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        if isinstance(row, QHBoxLayout):
            row.addStretch()
        for widget in widgets:
            row.addWidget(widget)

    def hasHeightForWidth(self) -> bool:
        """Tell no layout to ask: one message that does would have the whole conversation measured twice."""
        return False

    def sizeHint(self) -> QSize:
        """Be as high as the rows are at the width there is."""
        row = self.layout()
        rows = row.heightForWidth(self.width()) if row is not None and row.hasHeightForWidth() else 0
        return QSize(0, max(rows, *(widget.sizeHint().height() for widget in self._widgets)))

    def minimumSizeHint(self) -> QSize:
        """Never make the column wider than the window."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take as many rows as the new width needs."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()
