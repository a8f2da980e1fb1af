"""The page of an empty conversation: three example questions or, at the first start, the demonstration."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.desktop.identity import icon
from app.look.label import Label, label
from app.look.quiet_button import QuietButton

EXAMPLES = (  # which a starter of 135 M parameters answers sensibly, and to an end, with whatever seed
    "How do plants make food?",
    "Give me three tips for sleeping better.",
    "Explain what a volcano is.",
)


class Welcome(QWidget):
    """Offers example questions; ``chosen`` carries the one picked."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._usual = QWidget()
        self._demonstration: QWidget | None = None
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._whole.addWidget(self._usual)
        rows = QVBoxLayout(self._usual)
        rows.setSpacing(8)
        rows.addStretch(2)
        logo = Label()
        logo.setPixmap(icon().pixmap(44, 44))
        rows.addWidget(logo, 0, Qt.AlignmentFlag.AlignHCenter)
        claim = "Small models guess ahead, the big one checks every word. You see both."
        for said in (label("What would you like to know?", "headline"), label(claim, "subline")):
            said.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            rows.addWidget(said)
        rows.addSpacing(14)
        self.buttons = [self._example(text) for text in EXAMPLES]
        for button in self.buttons:
            rows.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        rows.addStretch(3)

    def give_way(self, demonstration: QWidget | None) -> None:
        """Show ``demonstration`` in place of the usual page; None brings that back."""
        if self._demonstration is not None:
            self._whole.removeWidget(self._demonstration)
            self._demonstration.hide()
            self._demonstration.deleteLater()
        self._demonstration = demonstration
        if demonstration is not None:
            self._whole.addWidget(demonstration)
        self._usual.setVisible(demonstration is None)

    def _example(self, text: str) -> QuietButton:
        button = QuietButton(text, "example", name=f"Ask: {text}")
        button.clicked.connect(lambda: self.chosen.emit(text))
        return button
