"""Shows what the chat says: an answer as it begins, grows and ends, a failure, a model that loads."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject
from PySide6.QtGui import QAction

from app.conversations.conversation import Message, Outcome
from app.parts import Parts
from app.talk.chat import Engine
from app.threads.failure import Failure
from engine.events import Event, Notice

FIGURES = 100  # ms between two looks at the panel's figures: faster than they can be read, and a frame's largest cost


class Narration(QObject):
    """Passes the signals of ``parts.chat`` on to the widgets. ``stop`` is enabled while there is something to stop."""

    def __init__(self, parts: Parts, stop: QAction, parent: QObject) -> None:
        super().__init__(parent)
        self.chat, self._parts, self._stop = parts.chat, parts, stop
        self._figures_age = QElapsedTimer()
        self._figures_age.start()
        self._connect()
        self._show_engine()
        self._show_state()

    def _connect(self) -> None:
        chat, current = self.chat, self.chat.current
        for signal, slot in (
            (chat.engine_changed, self._show_engine),
            (chat.loading, self._parts.loading.advance),
            (chat.cleared, self._cleared),
            (chat.asked, self._asked),
            (chat.answering, self._answering),
            (chat.continuing, self._continuing),
            (chat.arrived, self._arrived),
            (chat.stopping, self._stopping),
            (chat.answered, self._answered),
            (chat.failed, self._failed),
            (chat.context_changed, self._show_edge),
            (current.changed, self._show_edge),
            (self._parts.transcript.turned, self._turned),
            (self._parts.transcript.recalled, self._recalled),
        ):
            signal.connect(slot)

    def _asked(self, text: str) -> None:
        self._parts.banner.hide()
        self._parts.transcript.add_question(text)

    def _answering(self) -> None:
        self._parts.transcript.begin_answer()
        self._parts.inspector.begin()
        self._show_state()

    def _continuing(self) -> None:
        self._parts.transcript.resume_answer()
        self._parts.inspector.begin()
        self._show_state()

    def _turned(self) -> None:
        """Let the panel be about the last answer shown, as other messages are shown than before."""
        inspector, answers = self._parts.inspector, self._parts.transcript.answers
        inspector.reset()
        if answers and answers[-1].tally.started is not None:
            inspector.show_figures(answers[-1].tally, running=False)

    def _recalled(self, message: Message) -> None:
        """Show the figures of the last answer now that they are known; other logs are no business of the panel."""
        if message.id == self.chat.conversation.leaf:
            self._turned()

    def _arrived(self, events: tuple[Event, ...]) -> None:
        tally = self.chat.tally
        self._parts.transcript.advance(events, tally)
        if self._figures_age.hasExpired(FIGURES):
            self._figures_age.restart()
            self._show_figures(running=True)
        for event in events:
            if isinstance(event, Notice):
                self._parts.banner.tell(Failure(event.sentence, "", remedies=(), calm=True))
        if self.chat.is_stopping:
            self._parts.transcript.say_stopping(tally)

    def _stopping(self) -> None:
        self._parts.transcript.say_stopping(self.chat.tally)
        self._show_state()

    def _answered(self, outcome: Outcome) -> None:
        self._parts.transcript.end_answer(outcome, self.chat.tally)
        self._show_figures(running=False)
        self._show_state()

    def _show_figures(self, *, running: bool) -> None:
        self._parts.inspector.show_figures(self.chat.tally, running=running)
        self._parts.context_meter.show_growth()
        self._parts.find_bar.refresh()

    def _failed(self, failure: Failure) -> None:
        self._parts.banner.tell(failure)
        if "trim" in failure.remedies:
            self._parts.context_meter.explain()
        self._show_state()

    def _cleared(self) -> None:
        self._parts.transcript.clear()
        self._parts.inspector.reset()
        self._parts.composer.show_context(0, 0)
        self._parts.banner.hide()
        self._show_state()
        self._parts.composer.field.setFocus()

    def _show_state(self) -> None:
        self._parts.composer.show_state(busy=self.chat.busy, stopping=self.chat.is_stopping)
        self._stop.setEnabled(self.chat.busy)  # else Esc would not reach what can be closed with it

    def _show_engine(self) -> None:
        if self.chat.engine is Engine.LOADING:
            self._parts.loading.start()
        else:
            self._parts.loading.hide()

    def _show_edge(self) -> None:
        self._parts.transcript.show_edge(self.chat.first_told)
