"""What becomes of a download when the window closes, to be chosen beforehand."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app.look.label import Label

CLOSING = {"": "Ask", "leave": "Keep downloading", "pause": "Pause it"}


class ClosingChoice(QWidget):
    """Shows what was chosen, one of CLOSING; ``chosen`` tells another."""

    chosen = Signal(str)

    def __init__(self, now: str) -> None:
        super().__init__()
        label, self.box = Label("If a download is under way when the &window closes"), QComboBox()
        label.setObjectName("small")
        label.setWordWrap(True)
        label.setBuddy(self.box)
        self.box.setAccessibleName("If a download is under way when the window closes")
        for answer, text in CLOSING.items():
            self.box.addItem(text, answer)
        self.box.activated.connect(lambda at: self.chosen.emit(self.box.itemData(at)))
        self.box.setCurrentIndex(max(0, self.box.findData(now)))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(label, 1)
        row.addWidget(self.box)
        row.addStretch(1)
