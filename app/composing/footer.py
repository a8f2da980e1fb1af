"""Everything below the conversation: notices, what waits or is being edited, and the composer; sends questions."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.composing.composer import Composer
from app.composing.context_meter import ContextMeter
from app.composing.editing import Editing
from app.composing.thinking import Thinking
from app.composing.token_counter import TokenCounter
from app.composing.waiting import Waiting
from app.notices import Banner, LoadingStrip
from app.talk.chat import Chat


class Footer(QWidget):
    """Stacks the notices, ``player`` and the composer, and gives to ``chat`` what is written there.

    ``banner`` is for the engine and for what cannot be sent, ``disk_banner`` for what cannot be saved.
    """

    def __init__(self, chat: Chat, counter: TokenCounter, player: QWidget) -> None:
        super().__init__()
        self._chat = chat
        self.loading, self.banner, self.disk_banner, self.composer = LoadingStrip(), Banner(), Banner(), Composer()
        self.editing = Editing(chat, self.composer)
        self.waiting = Waiting(chat, self.composer, self.send)
        self.context_meter = ContextMeter(chat, counter, self.composer, self.banner, self.editing, self.send)
        Thinking(chat, self.composer.think)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 18)
        rows.setSpacing(10)
        notices = (self.loading, self.banner, self.disk_banner, self.editing.strip, self.waiting.strip)
        for widget in (*notices, player, self.composer):
            rows.addWidget(widget)
        self.composer.submitted.connect(self.send)
        self.composer.changed.connect(self._load_ahead)
        self.composer.stop_wanted.connect(chat.stop)

    def send(self, text: str) -> None:
        """Ask ``text``; where it does not fit into the context offer a choice instead."""
        if self.context_meter.fits(text):
            self.editing.send(text)

    def send_example(self, text: str) -> None:
        """Put ``text`` into the composer and ask it."""
        self.composer.show_text(text)
        self.send(text)

    def retry(self) -> None:
        """Try again what failed."""
        self.banner.hide()
        self._chat.retry()

    def _load_ahead(self) -> None:
        """Load the models of the chat shown while a question to them is still being written."""
        if self.composer.field.hasFocus() and self.composer.text.strip():
            self._chat.load_next()
