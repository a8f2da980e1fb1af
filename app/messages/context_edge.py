"""The line in a conversation above which messages are left out of the model's context."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.look.label import Label
from app.look.quiet_button import QuietButton


class ContextEdge(QFrame):
    """Says that the messages above are left out. ``all_wanted``: the reader wants them included again."""

    all_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("contextEdge")
        words = Label("What is above is left out: the model does not see it any more.")
        words.setObjectName("small")
        words.setWordWrap(True)
        name = "Let the model read what is above again"
        tip = "From the next question on; if it does not fit, there is a choice again"
        self.again = QuietButton("Read it again", "turnAction", name=name, tip=tip)
        self.again.clicked.connect(self.all_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 6, 0, 6)
        row.addWidget(words, 1)
        row.addWidget(self.again, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()
