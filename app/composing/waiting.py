"""Holds a question sent while an answer is being written, and asks it when the answer is done."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from app.composing.composer import Composer
from app.conversations.conversation import Outcome
from app.look.label import Label
from app.talk.chat import Chat


class WaitingStrip(QFrame):
    """Says above the composer that its question is sent next; ``left`` is emitted to cancel."""

    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("editStrip")
        label = Label("Your question is sent next, as soon as this answer is done.")
        label.setObjectName("status")
        label.setWordWrap(True)
        self.cancel = QPushButton("Do not send")
        self.cancel.setObjectName("quiet")
        self.cancel.setAccessibleName("Do not send the question")
        self.cancel.clicked.connect(self.left)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 0, 0)
        row.addWidget(label, 1)
        row.addWidget(self.cancel)
        self.hide()


class Waiting(QObject):
    """Keeps the question in ``composer`` while ``chat`` is busy, then passes it to ``send``.

    Stops waiting, leaving it in the composer, if it is changed, another chat is shown, or the answer fails.
    """

    def __init__(self, chat: Chat, composer: Composer, send: Callable[[str], object]) -> None:
        super().__init__(composer)
        self._chat, self._composer, self._send = chat, composer, send
        self.strip = WaitingStrip()
        self._waits = False
        composer.queued.connect(self.begin)
        for ending in (composer.changed, chat.current.cleared, self.strip.left):
            ending.connect(self.leave)
        chat.answered.connect(self._answered)

    def begin(self) -> None:
        """Queue the question."""
        self._waits = True
        self.strip.show()

    def leave(self) -> None:
        """Take the question out of the queue."""
        self._waits = False
        self.strip.hide()

    def _answered(self, outcome: Outcome) -> None:
        if outcome == "failed":
            self.leave()
        elif self._waits:
            QTimer.singleShot(0, self, self._ask)  # everybody hears of the answer first; another chat may be shown next

    def _ask(self) -> None:
        if self._waits and not self._chat.busy:
            self.leave()
            self._send(self._composer.text)
