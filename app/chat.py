"""The answer in flight and the engine that gives it: what the window shows is what this object and its page say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.conversations.archive import Archive
from app.conversations.conversation import Conversation, Message, Outcome, Reply
from app.conversations.page import Page
from app.conversations.record import Record
from app.conversations.sequel import Sequel
from app.exchange import Failure, Opening, Request, Turns
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
    """Owns the answer in flight; its question and its place are on ``page``. Lives on the window's thread.

    Events of an answer are collected and handed on together once a frame. Whatever carries the id of an answer
    that is no longer in flight is dropped. A question is saved before it is answered, an answer while it grows.
    """

    engine_changed = Signal()
    loading = Signal(object)  # Loading
    cleared = Signal()
    asked = Signal(str)
    answering = Signal()
    continuing = Signal()  # the last answer is gone on with
    arrived = Signal(object)  # tuple[Event, ...]
    stopping = Signal()
    answered = Signal(str)  # Outcome
    failed = Signal(object)  # Failure
    options_changed = Signal()
    context_changed = Signal()  # the model sees more or less of the conversation

    open_wanted = Signal(object)  # Opening, for the worker
    reply_wanted = Signal(object)  # Request, for the worker
    leave_wanted = Signal()

    def __init__(self, worker: EngineWorker, archive: Archive, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.page = Page(archive, self)
        self.reply = Reply()
        self.tally = Tally()
        self.engine = Engine.DOWN
        self.preset = PRESETS["plain"]
        self._archive = archive
        self._record = Record(archive, self)
        self._answer = Message("assistant", "")  # the one in flight, without its text
        self._sequel: Sequel | None = None  # set while an answer is gone on with
        self._opening: Opening | None = None
        self._request: Request | None = None
        self._taken = 0  # ids given so far
        self._starts: set[int] = set()  # messages before which the model is told nothing
        self._starts_next = False  # the next question is one of them
        self._inbox: list[Event] = []
        self._frame = QTimer(self, singleShot=True, interval=FRAME)
        self._frame.timeout.connect(self._drain)
        self._connect(worker)
        self.page.cleared.connect(self._forget_figures)
        self.page.cleared.connect(self.cleared)

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
    def conversation(self) -> Conversation:
        """The conversation shown."""
        return self.page.conversation

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn in this conversation."""
        return self.conversation.manner.sampling

    @property
    def max_tokens(self) -> int:
        """The most tokens of an answer in this conversation."""
        return self.conversation.manner.max_tokens

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
        """Draw tokens of this conversation with ``sampling``, at most ``max_tokens`` an answer, from now on."""
        self.page.set_manner(replace(self.conversation.manner, sampling=sampling, max_tokens=max_tokens))

    def send(self, text: str) -> bool:
        """Ask ``text``; returns False, with nothing done, while an answer is in flight or if there is no text."""
        text = text.strip()
        if self.busy or not text:
            return False
        self.page.ask(text)
        self._begin_here()
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
            self.page.back_to(messages[-1].parent)
        self._ask()

    def regenerate(self, answer: int) -> bool:
        """Give another version of ``answer``, the old one kept beside it; False while an answer is in flight."""
        if self.busy:
            return False
        self.page.back_to(self.conversation.find(answer).parent)
        self._ask()
        return True

    def edit(self, question: int, text: str) -> bool:
        """Ask ``text`` in place of ``question``, which is kept with all that followed; False if nothing was done."""
        text = text.strip()
        if self.busy or not text:
            return False
        self.page.back_to(self.conversation.find(question).parent)
        return self.send(text)

    def go_on(self) -> bool:
        """Continue the last answer where it was cut, by the hierarchy that began it; False if nothing was done."""
        messages = self.conversation.messages
        if self.busy or not messages or not messages[-1].unfinished:
            return False
        cut = messages[-1]
        reply = cut.reply or Reply()
        if not reply.rounds:
            self._archive.ask(lambda store: store.recall(cut), self._go_on_recalled)
            return True
        if reply.started is None:
            return self.regenerate(cut.id)
        preset = self.preset if self.preset.name == reply.started.preset else PRESETS.get(reply.started.preset)
        if preset is None or (self.models is not None and not self.models.runs(preset)):
            self.failed.emit(
                Failure(
                    f"This answer was begun through {reply.started.preset}, which these models cannot run.",
                    "Choose the models it was begun with, or have it answered anew.",
                    remedies=("retry", "model"),
                )
            )
            return False
        self._continue(cut, replace(reply, finished=None, outcome=None), preset)
        return True

    def _go_on_recalled(self, cut: Message) -> None:
        """Continue ``cut`` now that its log is there; where it is not to be read, answer anew."""
        if self.busy or self.conversation.leaf != cut.id:
            return
        if cut.recalled:
            self.page.take_log(cut)
            self.go_on()
        else:
            self.regenerate(cut.id)

    def show_version(self, message: int) -> None:
        """Show the branch with ``message`` in it; not while an answer is in flight."""
        if not self.busy:
            self.page.show_version(message)

    def turns(self, question: str = "") -> Turns:
        """Return what the model would be told now, ``question`` last if there is one."""
        asked = self.conversation
        if question.strip():
            asked = asked.plus(Message("user", question.strip()))
            if self._starts_next:
                return asked.turns({asked.messages[-1].id})
        return asked.turns(self._starts)

    @property
    def first_told(self) -> int | None:
        """The message the model's view of the conversation begins with; None: it sees all."""
        return self.conversation.first_told(self._starts)

    def leave_out(self, surplus: int) -> None:
        """Tell the model no more of the oldest ``surplus`` turns it is told now; they stay in the conversation."""
        start = self.conversation.start_after(surplus, self._starts)
        if start is None:
            self._starts_next = True
        else:
            self._starts.add(start)
        self.context_changed.emit()

    def _begin_here(self) -> None:
        if self._starts_next and self.conversation.leaf is not None:
            self._starts.add(self.conversation.leaf)
            self._starts_next = False
            self.context_changed.emit()

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
        """Begin an empty conversation; an answer in flight is stopped, its text kept."""
        self._stop_here()
        self.page.start_new()

    def open_chat(self, chat: int, message: int | None = None) -> None:
        """Show another conversation, on the branch with ``message``; an answer in flight is stopped, its text kept."""
        if chat != self.conversation.id:
            self._stop_here()
            self.page.open(chat, message)
        elif message is not None and not self.busy:
            self.page.seek(message)

    def leave(self) -> None:
        """Stop everything, keep what there is, and ask the worker to end its thread."""
        self._stop_here()
        self.page.keep_draft()
        if self._opening is not None:
            self._opening.abandoned.set()
        self._frame.stop()
        self.leave_wanted.emit()

    def _ask(self) -> None:
        """Have the last question of the branch shown answered, once it is saved."""
        self._answer = Message("assistant", "", parent=self.conversation.leaf)
        self.reply, self._sequel = Reply(), None
        self.tally = Tally(self.tally.pace)
        self._request_reply(self.turns(), self.preset)
        self.answering.emit()

    def _continue(self, cut: Message, reply: Reply, preset: Preset) -> None:
        self._answer, self.reply, self._sequel = cut, reply, Sequel(reply)
        self.tally = Tally(self.tally.pace)
        self.tally.add(reply.events)
        self._request_reply(self.conversation.back_to(cut.parent).turns(self._starts), preset, reply.text)
        self.continuing.emit()

    def _request_reply(self, turns: tuple[tuple[str, str], ...], preset: Preset, opening: str = "") -> None:
        if self.engine is Engine.DOWN and self.models is not None:
            self.open(self.models)
        self._taken += 1
        request = Request(self._taken, turns, preset, self.sampling, self.max_tokens, opening)
        self._request = request
        self._record.begin(self.conversation.id, self._answer, self.reply)
        self._archive.after(lambda: self._send_request(request))

    def _send_request(self, request: Request) -> None:
        if request is self._request:
            self.reply_wanted.emit(request)

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
        events, self._inbox = self._in_place(self._inbox), []
        if not events:
            return
        self.reply = self.reply.after(events)
        self._record.advance(self.reply)
        self.tally.add(events)
        self.arrived.emit(events)
        spent = 1000 * (time.perf_counter() - began)
        self._frame.setInterval(round(min(max(FRAME, 4 * spent), SLOWEST_FRAME)))

    def _in_place(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Return ``events`` as they follow what was written before."""
        if self._sequel is None:
            return tuple(events)
        placed = [self._sequel.follow(event) for event in events]
        return tuple(event for event in placed if event is not None)

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
            answer = replace(self._answer, text=self.reply.text, reply=self.reply)
            self.page.settle(answer)
            self._record.end(self.conversation, answer)
        else:
            self._record.drop()
        self._forget()
        self.answered.emit(outcome)

    def _stop_here(self) -> None:
        """Stop the answer in flight without waiting for the engine."""
        if self._request is not None:
            self._request.stop.set()
            self._settle("stopped")

    def _forget(self) -> None:
        self._request = None
        self._inbox.clear()
        self._frame.stop()
        self._frame.setInterval(FRAME)

    def _forget_figures(self) -> None:
        self._starts_next = False
        self.reply = Reply()
        self.tally = Tally(self.tally.pace)

    def _set_engine(self, engine: Engine) -> None:
        if engine is not self.engine:
            self.engine = engine
            self.engine_changed.emit()
