"""Asks a new model one question, in a conversation of its own."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.conversations.conversation import ChatSettings
from app.talk.chat import Chat
from app.talk.standing import Engine
from app.threads.failure import Failure
from engine.config import ModelSet
from engine.events import Event, Loading

QUESTION = "Tell me in one or two sentences what you can do."


class Trial(QObject):
    """Has ``chat`` load a model set and ask it one question in a temporary conversation.

    It is answered as the model's makers suggest: a system prompt or a length somebody chose for their chats says
    nothing about the model. These stay with their chats, as does what is being written there. A conversation somebody
    has gone on with is theirs and stays.
    """

    loading = Signal(float)
    replied = Signal(str)  # the text so far
    ended = Signal()
    failed = Signal(object)  # Failure
    put_back = Signal(str)  # the model there was before is loaded again, after a failure

    def __init__(self, chat: Chat, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._chat = chat
        self._models: ModelSet | None = None
        self._conversation: int | None = None  # the trial's, until somebody goes on with it
        self._before: int | None = None  # the one shown when the trial began
        self._former: ModelSet | None = None  # what worked when the trial began
        self._asking = False
        chat.asked.connect(self._asked)
        chat.loading.connect(self._loading)
        chat.flight.arrived.connect(self._arrived)
        chat.answered.connect(self._answered)
        chat.failed.connect(self._failed)

    @property
    def running(self) -> bool:
        """True from the question to the end of its answer."""
        return self._models is not None and self._chat.models == self._models

    def start(self, models: ModelSet) -> None:
        """Load ``models`` and ask."""
        self.clear()
        if self._chat.models != models or self._chat.engine in (Engine.DOWN, Engine.LENT):
            self._former = self._chat.models if self._chat.engine is not Engine.DOWN else self._former
            self._chat.open(models)
        self._before = self._chat.current.conversation.id if self._chat.current.kept else None
        self._chat.start_new(apart=ChatSettings())
        self._models = models
        self._conversation = self._chat.current.conversation.id
        self._asking = True
        self._chat.send(QUESTION)
        self._asking = False

    def clear(self) -> None:
        """Put the trial's conversation away and show again what was shown before it."""
        chat, current = self._conversation, self._chat.current
        self._conversation = None
        if chat is None:
            return
        if current.conversation.id == chat:
            self._chat.start_new()
            if self._before is not None and current.is_kept(self._before):
                self._chat.open_chat(self._before)
        if current.is_kept(chat):
            current.delete(chat)

    def stop(self) -> None:
        """End the answer where it is."""
        if self.running:
            self._chat.stop()

    def _asked(self, _: str) -> None:
        if not self._asking and self._chat.current.conversation.id == self._conversation:
            self._conversation = None

    def _loading(self, loading: Loading) -> None:
        if self.running:
            self.loading.emit(loading.fraction)

    def _arrived(self, _: tuple[Event, ...]) -> None:
        if self.running:
            self.replied.emit(self._chat.flight.reply.text)

    def _answered(self, outcome: str) -> None:
        if self.running and outcome != "failed":  # what failed is told next
            self._models = None
            self.replied.emit(self._chat.flight.reply.text)
            self.ended.emit()

    def _failed(self, failure: Failure) -> None:
        if not self.running:
            return
        failed, self._models = self._models, None
        self.failed.emit(failure)
        QTimer.singleShot(0, self, lambda: self._put_back(failed))  # once everybody has heard of the failure

    def _put_back(self, failed: ModelSet | None) -> None:
        """Load what there was before the trial, unless something else was chosen meanwhile."""
        former, self._former = self._former, None
        if former is None or former == failed or self._chat.models != failed:
            return
        self.clear()
        self._chat.open(former)
        self.put_back.emit(former.name)
