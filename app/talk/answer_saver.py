"""Saves the answer in flight as it grows, so that an end without warning costs half a second of it at most."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from app.conversations.archive import Archive
from app.conversations.conversation import Conversation, Message, Reply
from app.conversations.row_writer import Growth

PERIOD = 500  # ms


class AnswerSaver(QObject):
    """Gives the archive what is new of one answer, and only that."""

    def __init__(self, archive: Archive, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._archive = archive
        self._chat = 0
        self._message = Message("assistant", "")
        self._reply = Reply()
        self._rounds = self._text = 0  # how much of the answer has been given
        self._timer = QTimer(self, singleShot=True, interval=PERIOD)
        self._timer.timeout.connect(self._save)

    def begin(self, chat: int, message: Message, reply: Reply) -> None:
        """Follow the answer ``message`` of conversation ``chat``, of which ``reply`` is on disk already."""
        self._chat, self._message, self._reply = chat, message, reply
        self._rounds, self._text = len(reply.rounds), len(reply.text)

    def advance(self, reply: Reply) -> None:
        """Note how far the answer is."""
        self._reply = reply
        if len(reply.rounds) > self._rounds and not self._timer.isActive():
            self._timer.start()

    def keep(self) -> None:
        """Save what is new at once, if anything is."""
        if self._timer.isActive():
            self._timer.stop()
            self._save()

    def end(self, conversation: Conversation, answer: Message) -> None:
        """Save the rest of ``answer`` and how it ended."""
        self._timer.stop()
        growth = self._growth(answer)
        self._archive.write(lambda store: store.finish(conversation, growth))

    def drop(self) -> None:
        """Forget an answer without a word."""
        self._timer.stop()
        if self._rounds:
            gone = (self._message.id,)
            self._archive.write(lambda store: store.trash.take_messages(gone))

    def _save(self) -> None:
        chat, growth = self._chat, self._growth(self._message)
        self._archive.write(lambda store: store.grow(chat, growth))

    def _growth(self, message: Message) -> Growth:
        rounds, text = self._reply.rounds[self._rounds :], self._reply.text[self._text :]
        self._rounds, self._text = len(self._reply.rounds), len(self._reply.text)
        return Growth(message, rounds, text, self._reply)
