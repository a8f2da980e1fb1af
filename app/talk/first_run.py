"""The very first start: the model answers once by itself, and three sentences say what is to be seen."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QInputMethodEvent, QKeyEvent
from PySide6.QtWidgets import QWidget

from app.look.theme import Theme
from app.messages.demonstration import Demonstration
from app.messages.transcript import Transcript
from app.talk.asking import Asking
from app.talk.worker import EngineWorker
from app.threads.exchange import Opening
from app.threads.failure import Failure
from app.threads.queued import connect_queued
from engine.config import PRESETS, Chosen, ModelSet
from engine.events import Event
from engine.tally import Tally

SEEN = "welcome/seen"  # what the settings remember
QUESTION = "How do plants make food?"  # which the starter answers well
METHODS = PRESETS["head"], PRESETS["draft"]  # of two levels: nothing is to be seen but what the three sentences name
LONGEST = 96  # tokens of the answer
TURN = 1700  # ms for each sentence: five seconds for all
HEARD = 5000  # ms for each where they are read aloud


class FirstRun(QObject):
    """Runs in the window of ``transcript``, once ever; ``over`` tells that it has ended, or need not begin.

    With True somebody is writing already and is not to be disturbed. What is shown is no conversation and is not kept.
    Esc, a click or typing ends it. What is asked of ``worker`` later waits, for a round at most once this has ended.
    """

    over = Signal(bool)

    open_wanted = Signal(object)  # Opening, for the worker

    def __init__(
        self, worker: EngineWorker, transcript: Transcript, theme: Theme, settings: QSettings, window: QWidget
    ) -> None:
        super().__init__(window)
        self._welcome, self._theme, self._settings, self._window = transcript.welcome, theme, settings, window
        self.demonstration: Demonstration | None = None
        self._opening: Opening | None = None
        self._tally = Tally()
        self._complete = False  # the answer is
        self._asking = Asking(worker, self)
        self._asking.arrived.connect(self._show)
        self._asking.ended.connect(self._ended)
        self._turn = QTimer(self)
        self._turn.timeout.connect(self._explain)
        connect_queued((self.open_wanted, worker.open), (worker.not_opened, self._not_opened))

    def due(self, models: ModelSet) -> bool:
        """Tell whether it was never seen, and something in ``models`` guesses ahead."""
        return not self._settings.value(SEEN, False, bool) and any(map(models.runs, METHODS))

    def begin(self, models: ModelSet) -> None:
        """Have ``models`` answer. From now on it counts as seen, whatever becomes of it."""
        self._settings.setValue(SEEN, True)
        preset = next(filter(models.runs, METHODS))
        self.demonstration = Demonstration(QUESTION, models.name, self._theme.palette, moving=not self._theme.still)
        self.demonstration.skipped.connect(self.end)
        self._theme.changed.connect(self.demonstration.set_palette)
        self._welcome.give_way(self.demonstration)
        self._program().installEventFilter(self)
        self._opening = Opening(models, preset)
        self.open_wanted.emit(self._opening)
        self._asking.ask((("user", QUESTION),), preset, Chosen(temperature=0.0), LONGEST)

    def end(self, *, writing: bool = False) -> None:
        """Show the usual welcome again, and leave the engine to others."""
        if self.demonstration is None or self._opening is None:
            return
        self._program().removeEventFilter(self)
        self._opening.abandoned.set()
        self._asking.stop()
        self._turn.stop()
        self.demonstration = None
        self._welcome.give_way(None)
        self.over.emit(writing)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """End with Esc or a click on what is shown, which go no further, and with anything else somebody begins."""
        if self.demonstration is None or not isinstance(watched, QWidget) or watched.window() is not self._window:
            return False
        if event.type() == QEvent.Type.MouseButtonPress:
            here = self._welcome.isAncestorOf(watched) and watched is not self.demonstration.skip
            if watched is not self.demonstration.skip:
                QTimer.singleShot(0, self, lambda: self.end(writing=not here))
            return here
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape:
                self.end()
                return True
            if event.text().isprintable() and event.text():
                self.end(writing=True)
        elif isinstance(event, QInputMethodEvent) and (event.preeditString() or event.commitString()):
            self.end(writing=True)
        return False

    def _show(self, events: tuple[Event, ...]) -> None:
        """Show what arrived; the first sentence comes with the first words."""
        if self.demonstration is None:
            return
        self._tally.add(events)
        self.demonstration.advance(events, self._tally)
        if not self._turn.isActive():
            self._explain()

    def _explain(self) -> None:
        """Say the next sentence; end where all is said."""
        if self.demonstration is None:
            return
        if self.demonstration.explain(complete=self._complete):
            self._turn.start(HEARD if QAccessible.isActive() else TURN)
        elif self._complete:
            self.end()

    def _ended(self, failure: Failure | None) -> None:
        if self.demonstration is None:
            return
        self._complete = True
        if failure is not None or not self._tally.tokens:
            self.end()
        else:
            self.demonstration.answer.end("finished", self._tally)
            if not self._turn.isActive():
                self._explain()

    def _not_opened(self, opening: Opening, _: Failure) -> None:
        if opening is self._opening:
            self.end()

    def _program(self) -> QCoreApplication:
        program = QCoreApplication.instance()
        assert program is not None  # noqa: S101 - there is a window
        return program
