"""A field to choose the length of a conversation, in tokens and in words."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox

CONTEXTS = (2048, 4096, 8192, 16_384, 32_768)
WORDS = 0.75  # words a token of English text, as a rule of thumb


class LengthBox(QComboBox):
    """Offers CONTEXTS; ``chosen`` tells another. The wheel scrolls the page and leaves the choice alone."""

    chosen = Signal(int)

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.setAccessibleName("Length of a conversation")
        for each in CONTEXTS:
            words = float(f"{WORDS * each:.2g}")
            self.addItem(f"{each:,} tokens, about {words:,.0f} words")
        self.setCurrentIndex(CONTEXTS.index(tokens))
        self.activated.connect(lambda at: self.chosen.emit(CONTEXTS[at]))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Let the page have it."""
        event.ignore()
