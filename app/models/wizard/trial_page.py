"""The sixth page: loads the new model and shows its first reply, here and in the chat."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar, QTextEdit

from app.look.announce import announce
from app.models.library import Listing, ModelLibrary
from app.models.page_parts import button, note, row_of
from app.models.wizard.trial import QUESTION, Trial
from app.models.wizard.wizard_page import Plan, WizardPage
from app.talk.chat import Chat
from app.threads.failure import Failure

AFTERWARDS = "The chat window shows it too, and puts it away when you leave this guide unless you go on with it there."


class TrialPage(WizardPage):
    """Loads the set and shows its first reply as it is written."""

    step = "trial"

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
        """Start the trial at once."""
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
