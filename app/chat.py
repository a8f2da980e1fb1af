"""The conversation and the answer in flight: what the window shows is what this object says."""

from __future__ import annotations

import time
from enum import Enum

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.conversation import Conversation, Message, Outcome, Reply
from app.exchange import Failure, Opening, Request
from app.speculation.tally import Tally
from app.worker import EngineWorker
from engine.config import PRESETS, ModelSet, Preset, Sampling
from engine.events import Event, Loading

FRAME = 33  # ms between two looks at what arrived: smooth to the eye, cheap for the model beside it
SLOWEST_FRAME = 120


class Engine(Enum):
    """Whether the engine can answer."""

    LOADING = "loading"
    READY = "ready"
    DOWN = "down"


class Chat(QObject):
    """Owns the conversation and the answer in flight; lives on the window's thread.

    Events of an answer are collected and handed on together once a frame. Whatever carries the id of an answer
    that is no longer in flight is dropped.
    """

    engine_changed = Signal()
    loading = Signal(object)  # Loading
    cleared = Signal()
    asked = Signal(str)
    answering = Signal()
    arrived = Signal(object)  # tuple[Event, ...]
    stopping = Signal()
    answered = Signal(str)  # Outcome
    withdrawn = Signal()  # the last answer is taken back, to be given anew
    failed = Signal(object)  # Failure
    options_changed = Signal()

    open_wanted = Signal(object)  # Opening, for the worker
    reply_wanted = Signal(object)  # Request, for the worker
    leave_wanted = Signal()

    def __init__(self, worker: EngineWorker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.conversation = Conversation()
        self.reply = Reply()
        self.tally = Tally()
        self.engine = Engine.DOWN
        self.preset = PRESETS["plain"]
        self.sampling = Sampling()
        self.max_tokens = 512
        self._opening: Opening | None = None
        self._request: Request | None = None
        self._taken = 0  # ids given so far
        self._inbox: list[Event] = []
        self._frame = QTimer(self, singleShot=True, interval=FRAME)
        self._frame.timeout.connect(self._drain)
        self._connect(worker)

    def _connect(self, worker: EngineWorker) -> None:
        queued = Qt.ConnectionType.QueuedConnection
        self.open_wanted.connect(worker.open, queued)
        self.reply_wanted.connect(worker.reply, queued)
        self.leave_wanted.connect(worker.leave, queued)
        worker.loading.connect(self._loading, queued)
        worker.opened.connect(self._opened, queued)
        worker.not_opened.connect(self._not_opened, queued)
        worker.told.connect(self._take, queued)
        worker.ended.connect(self._ended, queued)

    @property
    def models(self) -> ModelSet | None:
        """The model set asked for last."""
        return None if self._opening is None else self._opening.models

    @property
    def busy(self) -> bool:
        """True while an answer is in flight."""
        return self._request is not None

    @property
    def is_stopping(self) -> bool:
        """True between a stop and its confirmation."""
        return self._request is not None and self._request.stop.is_set()

    def open(self, models: ModelSet) -> None:
        """Load ``models`` in place of what is loaded; an answer in flight is stopped, its text kept."""
        if self._request is not None:
            self._request.stop.set()
            self._settle("stopped")
        if self._opening is not None:
            self._opening.abandoned.set()
        if models != self.models:
            self.tally = Tally()  # another model, another pace
        self._opening = Opening(models)
        self._set_engine(Engine.LOADING)
        self.open_wanted.emit(self._opening)
        if not models.runs(self.preset):
            self.choose(PRESETS["plain"])
        else:
            self.options_changed.emit()

    def choose(self, preset: Preset) -> None:
        """Answer through ``preset`` from the next question on."""
        self.preset = preset
        self.options_changed.emit()

    def tune(self, sampling: Sampling, max_tokens: int) -> None:
        """Draw tokens with ``sampling``, at most ``max_tokens`` an answer, from the next question on."""
        self.sampling, self.max_tokens = sampling, max_tokens

    def send(self, text: str) -> bool:
        """Ask ``text``; returns False, with nothing done, while an answer is in flight or if there is no text."""
        text = text.strip()
        if self.busy or not text:
            return False
        self.conversation = self.conversation.plus(Message("user", text))
        self.asked.emit(text)
        self._ask()
        return True

    def retry(self) -> None:
        """Load again what could not be loaded, and ask the last question again if it has no full answer."""
        if self.busy:
            return
        if self.engine is Engine.DOWN and self.models is not None:
            self.open(self.models)
        messages = self.conversation.messages
        if not messages or (messages[-1].reply is not None and messages[-1].reply.outcome == "finished"):
            return
        if messages[-1].role == "assistant":
            self.conversation = self.conversation.without_answer()
            self.withdrawn.emit()
        self._ask()

    def stop(self) -> None:
        """End the answer in flight within one round; its text stays. At once if it has not begun."""
        if self._request is None or self._request.stop.is_set():
            return
        self._request.stop.set()
        if self.engine is Engine.LOADING:
            self._settle("stopped")
        else:
            self.stopping.emit()

    def start_new(self) -> None:
        """Begin an empty conversation; an answer in flight is dropped."""
        if self._request is not None:
            self._request.stop.set()
            self._forget()
        self.conversation, self.reply = Conversation(), Reply()
        self.tally = Tally(self.tally.pace)
        self.cleared.emit()

    def leave(self) -> None:
        """Stop everything and ask the worker to end its thread."""
        self.stop()
        if self._opening is not None:
            self._opening.abandoned.set()
        self._frame.stop()
        self.leave_wanted.emit()

    def _ask(self) -> None:
        if self.engine is Engine.DOWN and self.models is not None:
            self.open(self.models)
        self._taken += 1
        self._request = Request(self._taken, self.conversation.turns(), self.preset, self.sampling, self.max_tokens)
        self.reply = Reply()
        self.tally = Tally(self.tally.pace)
        self.answering.emit()
        self.reply_wanted.emit(self._request)

    def _loading(self, loading: Loading) -> None:
        if self.engine is Engine.LOADING:
            self.loading.emit(loading)

    def _opened(self, opening: Opening) -> None:
        if opening is self._opening:
            self._set_engine(Engine.READY)

    def _not_opened(self, opening: Opening, failure: Failure) -> None:
        if opening is not self._opening:
            return
        self._set_engine(Engine.DOWN)
        if self._request is not None:
            self._settle("failed")
        self.failed.emit(failure)

    def _take(self, reply_id: int, event: Event) -> None:
        if self._request is None or reply_id != self._request.id:
            return
        self._inbox.append(event)
        if not self._frame.isActive():
            self._frame.start()

    def _drain(self) -> None:
        """Hand on all that arrived; where that takes long, the next look comes later."""
        if not self._inbox:
            return
        began = time.perf_counter()
        events, self._inbox = tuple(self._inbox), []
        self.reply = self.reply.after(events)
        self.tally.add(events)
        self.arrived.emit(events)
        spent = 1000 * (time.perf_counter() - began)
        self._frame.setInterval(round(min(max(FRAME, 4 * spent), SLOWEST_FRAME)))

    def _ended(self, reply_id: int, failure: Failure | None) -> None:
        if self._request is None or reply_id != self._request.id:
            return
        self._drain()
        if failure is None:
            cut = self.is_stopping and self.reply.finished is None
            self._settle("stopped" if cut else "finished")
            return
        if failure.down:
            self._set_engine(Engine.DOWN)
        self._settle("failed")
        self.failed.emit(failure)

    def _settle(self, outcome: Outcome) -> None:
        """Close the answer in flight: what arrived is shown, its text joins the conversation."""
        self._drain()
        self.reply = self.reply.ended(outcome)
        if self.reply.text:
            self.conversation = self.conversation.plus(Message("assistant", self.reply.text, self.reply))
        self._forget()
        self.answered.emit(outcome)

    def _forget(self) -> None:
        self._request = None
        self._inbox.clear()
        self._frame.stop()
        self._frame.setInterval(FRAME)

    def _set_engine(self, engine: Engine) -> None:
        if engine is not self.engine:
            self.engine = engine
            self.engine_changed.emit()
