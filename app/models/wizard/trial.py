"""Sixth page: one real reply from the new model, in the chat as well as here."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QProgressBar, QTextEdit

from app.conversations.conversation import Manner
from app.look.announce import announce
from app.models.labels import button, note, row_of
from app.models.library import Listing, ModelLibrary
from app.models.wizard.page import Page, Plan
from app.talk.chat import Chat, Engine
from app.threads.failure import Failure
from engine.config import ModelSet
from engine.events import Event, Loading

QUESTION = "Tell me in one or two sentences what you can do."
AFTERWARDS = "The chat window shows it too, and puts it away when you leave this guide unless you go on with it there."


class Trial(QObject):
    """Has ``chat`` load a model set and ask it one question in a conversation of its own, which goes with the trial.

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
        chat.arrived.connect(self._arrived)
        chat.answered.connect(self._answered)
        chat.failed.connect(self._failed)

    @property
    def running(self) -> bool:
        """True from the question to the end of its answer."""
        return self._models is not None and self._chat.models == self._models

    def start(self, models: ModelSet) -> None:
        """Load ``models`` and ask."""
        self.clear()
        if self._chat.models != models or self._chat.engine is Engine.DOWN:
            self._former = self._chat.models if self._chat.engine is not Engine.DOWN else self._former
            self._chat.open(models)
        self._before = self._chat.conversation.id if self._chat.current.kept else None
        self._chat.start_apart(Manner())
        self._models = models
        self._conversation = self._chat.conversation.id
        self._asking = True
        self._chat.send(QUESTION)
        self._asking = False

    def clear(self) -> None:
        """Put the trial's conversation away and show again what was shown before it."""
        chat, archive = self._conversation, self._chat.current.archive
        self._conversation = None
        if chat is None:
            return
        if self._chat.conversation.id == chat:
            self._chat.start_new()
            if self._before in archive.chats:
                self._chat.open_chat(self._before)
        if chat in archive.chats:
            archive.delete(chat)

    def stop(self) -> None:
        """End the answer where it is."""
        if self.running:
            self._chat.stop()

    def _asked(self, _: str) -> None:
        if not self._asking and self._chat.conversation.id == self._conversation:
            self._conversation = None

    def _loading(self, loading: Loading) -> None:
        if self.running:
            self.loading.emit(loading.fraction)

    def _arrived(self, _: tuple[Event, ...]) -> None:
        if self.running:
            self.replied.emit(self._chat.reply.text)

    def _answered(self, outcome: str) -> None:
        if self.running and outcome != "failed":  # what failed is told next
            self._models = None
            self.replied.emit(self._chat.reply.text)
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


class TryPage(Page):
    """Loads the set and shows its first reply as it is written."""

    step = "try"

    def __init__(self, library: ModelLibrary, plan: Plan, chat: Chat) -> None:
        super().__init__(plan, "Try it", f"Asking: “{QUESTION}” {AFTERWARDS}")
        self._library, self._waiting = library, False
        self.trial = Trial(chat, self)
        self.tried = False
        self.status = note()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Loading the model")
        self.reply = QTextEdit(readOnly=True)
        self.reply.setObjectName("reply")
        self.reply.setTabChangesFocus(True)
        self.reply.setAccessibleName("First reply")
        self.again = button("Ask again")
        self.again.clicked.connect(self.begin)
        self.go = button("Go on without a trial", "quiet")
        self.go.clicked.connect(self._go_on)
        self.go.hide()
        self._skipped = False
        for widget in (self.status, self.bar):
            self.rows.addWidget(widget)
        self.rows.addWidget(self.reply, 1)
        self.rows.addLayout(row_of(self.again, self.go))
        library.listed.connect(self._begin)
        self.trial.loading.connect(lambda share: self.bar.setValue(round(1000 * share)))
        self.trial.replied.connect(self._show)
        self.trial.ended.connect(self._ended)
        self.trial.failed.connect(self._complain)
        self.trial.put_back.connect(lambda name: self.status.setText(f"{name}, which was loaded before, is put back."))

    def initializePage(self) -> None:
        """Begin by itself."""
        self.begin()

    def isComplete(self) -> bool:
        """True once the model has answered, or somebody wants to go on all the same."""
        return self.tried or self._skipped

    def _go_on(self) -> None:
        self._skipped = True
        self.completeChanged.emit()
        self.wizard().next()

    def begin(self) -> None:
        """Find the set in the library, then load it and ask."""
        self._waiting, self.tried, self._skipped, self.plan.loaded = True, False, False, False
        self.go.hide()
        self.completeChanged.emit()
        self.alert.tell(None)
        self.reply.clear()
        self.bar.setValue(0)
        self.bar.show()
        self.again.setEnabled(False)
        self.status.setText("Loading the model…")
        self._library.look()

    def _begin(self, listing: Listing) -> None:
        if not self._waiting:
            return
        self._waiting = False
        models = listing.find(self.plan.name)
        if models is None:
            self._complain(
                Failure(f"{self._library.downloads.title(self.plan.name)} is not complete.", "Go back and download it.")
            )
        else:
            self.trial.start(models)

    def _show(self, text: str) -> None:
        self.bar.hide()
        self.status.setText("Answering…")
        if text != self.reply.toPlainText():
            self.reply.setPlainText(text)

    def _ended(self) -> None:
        self.tried = bool(self.reply.toPlainText().strip())
        self.plan.loaded = True
        self.go.setVisible(not self.tried)
        self.completeChanged.emit()
        self.bar.hide()
        self.status.setText("It works." if self.tried else "The answer was empty. Ask again, or go on.")
        self.again.setEnabled(True)
        announce(self, f"{self.status.text()} {self.reply.toPlainText()}")

    def _complain(self, failure: Failure) -> None:
        self.status.clear()
        self.bar.hide()
        self.again.setEnabled(True)
        self.go.show()
        self.alert.tell(failure)
