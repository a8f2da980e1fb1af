"""Shows the conversation: its messages, the answer as it grows, what the engine does, and what went wrong."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, Signal

from app.composing.composer import Composer
from app.conversations.conversation import Message, Outcome
from app.conversations.sidebar import Sidebar
from app.log import wording
from app.messages.inspector import Inspector
from app.messages.transcript import Transcript
from app.notices import Banner, LoadingStrip
from app.talk.chat import Chat
from app.talk.standing import Engine
from app.threads.failure import Failure
from engine.events import Event, Notice

LEAVES_OFF = "Learning leaves off, and the model is loaded…"
FIGURES = 100  # ms between two looks at the panel's figures: faster than they can be read, and a frame's largest cost


class Presenter(QObject):
    """Lets the widgets show what ``chat`` and the conversation in it say; each signal of theirs is heard here once.

    ``figures_shown``: the counts of the answer in flight are up to date; ``busy_changed``: whether there is one.
    """

    figures_shown = Signal()
    busy_changed = Signal(bool)

    def __init__(
        self,
        chat: Chat,
        sidebar: Sidebar,
        transcript: Transcript,
        inspector: Inspector,
        composer: Composer,
        banner: Banner,
        loading: LoadingStrip,
    ) -> None:
        super().__init__(transcript)
        self.chat, self._sidebar, self._transcript = chat, sidebar, transcript
        self._inspector, self._composer, self._banner, self._loading = inspector, composer, banner, loading
        self._figures_age = QElapsedTimer()
        self._figures_age.start()
        self._connect()
        self._show_engine()
        self._show_state()

    def _connect(self) -> None:
        chat, current = self.chat, self.chat.current
        for signal, slot in (
            (current.cleared, self._clear),
            (current.turned, self._show_messages),
            (current.recalled, self._show_log),
            (current.sought, self._transcript.go_to),
            (current.changed, self._show_conversation),
            (self._transcript.earlier_shown, self._show_conversation),
            (self._sidebar.chosen, self._focus),
            (chat.trimming.changed, self._show_edge),
            (chat.engine_changed, self._show_engine),
            (chat.loading, self._loading.advance),
            (chat.asked, self._ask),
            (chat.answering, self._begin),
            (chat.continuing, self._resume),
            (chat.flight.arrived, self._advance),
            (chat.stopping, self._say_stopping),
            (chat.answered, self._end),
            (chat.failed, self._fail),
        ):
            signal.connect(slot)

    # The conversation

    def _clear(self) -> None:
        """Make room for another conversation."""
        self._transcript.clear()
        self._inspector.reset()
        self._composer.show_context(0, 0)
        self._banner.hide()
        self._show_state()
        self._composer.field.setFocus()

    def _focus(self, chat: int) -> None:
        """Put the keyboard into the composer, as the conversation shown was chosen again."""
        if chat == self.chat.current.conversation.id:
            self._composer.field.setFocus()

    def _show_messages(self, stands: int) -> None:
        """Show the messages of the conversation, of which the first ``stands`` are shown already."""
        self._transcript.show_messages(stands, self.chat.current.conversation.messages)
        self._show_last_figures()

    def _show_log(self, message: Message) -> None:
        """Show the log of ``message`` now that it is there; the panel is about the last answer alone."""
        self._transcript.recall(message)
        if message.id == self.chat.current.conversation.leaf:
            self._show_last_figures()

    def _show_last_figures(self) -> None:
        answers = self._transcript.answers
        self._inspector.reset()
        if answers and answers[-1].tally.started is not None:
            self._inspector.show_figures(answers[-1].tally, running=False)

    def _show_conversation(self) -> None:
        conversation = self.chat.current.conversation
        self._sidebar.show_current(conversation.id)
        self._transcript.show_versions(conversation, locked=self.chat.busy)
        self._show_edge()

    def _show_edge(self) -> None:
        self._transcript.show_edge(self.chat.trimming.first)

    # The answer in flight

    def _ask(self, text: str) -> None:
        self._banner.hide()
        self._transcript.add_question(text)

    def _begin(self) -> None:
        self._show_conversation()
        self._transcript.begin_answer()
        self._inspector.begin()
        self._show_state()

    def _resume(self) -> None:
        self._show_conversation()
        self._transcript.resume_answer()
        self._inspector.begin()
        self._show_state()

    def _advance(self, events: tuple[Event, ...]) -> None:
        flight = self.chat.flight
        self._transcript.advance(events, flight.tally)
        if self._figures_age.hasExpired(FIGURES):
            self._figures_age.restart()
            self._show_figures(running=True)
        for event in events:
            if isinstance(event, Notice):
                self._banner.tell(Failure(event.sentence, calm=True))
        if flight.is_stopping:
            self._transcript.say_stopping(flight.tally)

    def _say_stopping(self) -> None:
        self._transcript.say_stopping(self.chat.flight.tally)
        self._show_state()

    def _end(self, outcome: Outcome) -> None:
        self._show_conversation()
        self._transcript.end_answer(outcome, self.chat.flight.tally)
        self._show_figures(running=False)
        self._show_state()

    def _show_figures(self, *, running: bool) -> None:
        self._inspector.show_figures(self.chat.flight.tally, running=running)
        self.figures_shown.emit()

    # The engine

    def _fail(self, failure: Failure) -> None:
        self._banner.tell(failure)
        self._show_state()

    def _show_engine(self) -> None:
        chat = self.chat
        if chat.engine is Engine.LOADING and chat.room.is_set():
            self._loading.start()
        elif chat.engine is Engine.LOADING:
            self._loading.start(LEAVES_OFF)
        elif chat.engine is Engine.LENT and chat.models is not None:
            self._loading.say(wording.lent(chat.models.name, chat.took))
        else:
            self._loading.hide()

    def _show_state(self) -> None:
        self._composer.show_state(busy=self.chat.busy, stopping=self.chat.flight.is_stopping)
        self.busy_changed.emit(self.chat.busy)
