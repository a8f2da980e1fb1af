"""Asks the engine the questions of the conversation shown, and keeps track of which model is loaded for that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from app.conversations.archive import Archive
from app.conversations.conversation import ChatSettings, Message, Outcome, Reply
from app.conversations.current import CurrentChat
from app.talk.faults import not_continued
from app.talk.flight import Flight
from app.talk.standing import Engine
from app.talk.trimming import Trimming, turns_before
from app.talk.worker import EngineWorker
from app.threads.exchange import Opening, Turns, at_once
from app.threads.failure import Failure
from app.threads.queued import connect_queued
from engine.config import PRESETS, ModelSet, Preset, Traits
from engine.events import Loading


class Chat(QObject):
    """Has questions answered one at a time: those of the conversation in ``current``, by the models opened last.

    ``flight`` is the answer being written, ``trimming`` what the model sees of the conversation. A question is saved
    before it is answered, an answer while it grows. Lives on the window's thread.
    """

    engine_changed = Signal()
    traits_changed = Signal()
    options_changed = Signal()  # another method, or other models for the next question
    loading = Signal(object)  # Loading
    asked = Signal(str)
    answering = Signal()  # a new answer begins
    continuing = Signal()  # the last answer goes on
    stopping = Signal()
    answered = Signal(str)  # Outcome
    failed = Signal(object)  # Failure

    open_wanted = Signal(object)  # Opening, for the worker
    unload_wanted = Signal()
    leave_wanted = Signal()

    def __init__(self, worker: EngineWorker, archive: Archive, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.current = CurrentChat(archive, self)
        self.flight = Flight(worker, self.current, archive, self)
        self.trimming = Trimming(self.current, self)
        self.engine = Engine.DOWN
        self.traits = Traits()  # of the model loaded last
        self.took: float | None = None  # seconds from when it was wanted until it was there
        self.room = at_once()  # once it is set there is memory to load models in
        self.preset = PRESETS["plain"]
        self.method_of: Callable[[ModelSet], Preset | None] = lambda _models: None  # for models loaded anew
        self._archive = archive
        self._opening: Opening | None = None
        self._next: ModelSet | None = None  # what is loaded for the next question
        self.flight.closed.connect(self._closed)
        connect_queued(
            (self.open_wanted, worker.open),
            (self.unload_wanted, worker.unload),
            (self.leave_wanted, worker.leave),
            (worker.loading, self._loading),
            (worker.opened, self._opened),
            (worker.not_opened, self._not_opened),
        )

    @property
    def models(self) -> ModelSet | None:
        """The model set asked for last."""
        return None if self._opening is None else self._opening.models

    @property
    def next_models(self) -> ModelSet | None:
        """The model set that answers the next question of the conversation shown; it may have to be loaded first."""
        return self._next or self.models

    @property
    def _model_name(self) -> str | None:
        return None if self.models is None else self.models.name

    @property
    def busy(self) -> bool:
        """True while an answer is in flight."""
        return self.flight.busy

    # The engine

    def open(self, models: ModelSet) -> None:
        """Load ``models`` in place of what is loaded; an answer in flight is stopped, its text kept."""
        self._stop_here()
        if self._opening is not None:
            self._opening.abandoned.set()
        if models != self.models:
            self.flight.forget_figures(pace=False)  # another model, another pace
        self._next = None
        wanted = (self.method_of(models) if models != self.models else None) or self.preset
        preset = wanted if models.runs(wanted) else PRESETS["plain"]
        self._opening = Opening(models, preset, self.room)
        self.set_engine(Engine.LOADING)
        self.open_wanted.emit(self._opening)
        self.choose(preset)

    def expect(self, models: ModelSet | None) -> None:
        """Answer the conversation shown with ``models``, None: those there are; they are loaded once they are needed.

        A person who only reads old conversations then does not wait for models.
        """
        wanted = None if models == self.models else models
        if wanted != self._next:
            self._next = wanted
            self.options_changed.emit()

    def load_next(self) -> None:
        """Load what answers the next question, if that is not what there is; not while an answer is in flight."""
        if self._next is not None and not self.busy:
            self.open(self._next)

    def bring_up(self) -> None:
        """Load the models opened last where they are not loaded, nor about to be."""
        if self.engine in (Engine.DOWN, Engine.LENT) and self.models is not None:
            self.open(self.models)

    def choose(self, preset: Preset) -> None:
        """Answer through ``preset`` from the next question on."""
        self.preset = preset
        self.options_changed.emit()

    def leave(self) -> None:
        """Stop everything, keep what there is, and ask the worker to end its thread."""
        self._stop_here()
        self.current.keep_draft()
        if self._opening is not None:
            self._opening.abandoned.set()
        self.flight.rest()
        self.leave_wanted.emit()

    # Questions and answers

    def send(self, text: str) -> bool:
        """Ask ``text``; returns False, with nothing done, while an answer is in flight or if there is no text."""
        text = text.strip()
        if self.busy or not text:
            return False
        self.current.ask(text)
        self.trimming.question_added()
        self.asked.emit(text)
        self._ask()
        return True

    def retry(self) -> None:
        """Load again what could not be loaded, and ask the last question again if it has no full answer."""
        if self.busy:
            return
        self.bring_up()
        messages = self.current.conversation.messages
        if not messages or (messages[-1].reply is not None and messages[-1].reply.outcome == "finished"):
            return
        if messages[-1].role == "assistant":
            self.current.back_to(messages[-1].parent)
        self._ask()

    def regenerate(self, answer: int) -> bool:
        """Give another version of ``answer``, the old one kept beside it; False while an answer is in flight."""
        if self.busy:
            return False
        self.current.back_to(self.current.conversation.find(answer).parent)
        self._ask()
        return True

    def edit(self, question: int, text: str) -> bool:
        """Ask ``text`` in place of ``question``, which is kept with all that followed; False if nothing was done."""
        text = text.strip()
        if self.busy or not text:
            return False
        self.current.back_to(self.current.conversation.find(question).parent)
        return self.send(text)

    def go_on(self) -> bool:
        """Continue the last answer where it was cut, by the hierarchy that began it; False if nothing was done."""
        messages = self.current.conversation.messages
        if self.busy or not messages or not messages[-1].unfinished:
            return False
        cut = messages[-1]
        self.load_next()
        reply = cut.reply or Reply()
        if not reply.rounds:
            self._archive.ask(lambda store: store.recall(cut), self._go_on_recalled)
            return True
        if reply.started is None:
            return self.regenerate(cut.id)
        preset = self.preset if self.preset.name == reply.started.preset else PRESETS.get(reply.started.preset)
        title = reply.started.preset if preset is None else preset.title
        if preset is None or (self.models is not None and not self.models.runs(preset)):
            self.failed.emit(not_continued(title, self._model_name))
            return False
        answer = cut.by(self._model_name)
        begun = replace(reply, finished=None, outcome=None)
        self._begin(answer, begun, turns_before(self.current.conversation, cut), preset)
        self.continuing.emit()
        return True

    def stop(self) -> None:
        """End the answer in flight within one round; its text stays. At once if it has not begun."""
        if self.flight.stop():
            if self.engine is Engine.LOADING:
                self.flight.close("stopped")
            else:
                self.stopping.emit()

    # Which conversation is shown

    def start_new(self, *, apart: ChatSettings | None = None) -> None:
        """Begin an empty conversation; an answer in flight is stopped, its text kept.

        ``apart``: with these settings, beside the conversation that is not begun yet.
        """
        self._stop_here()
        self.current.start_new(apart)

    def open_chat(self, chat: int, message: int | None = None) -> None:
        """Show another conversation, on the branch with ``message``; an answer in flight is stopped, its text kept."""
        if chat != self.current.conversation.id:
            self._stop_here()
            self.current.open(chat, message)
        elif message is not None and not self.busy:
            self.current.seek(message)

    def show_version(self, message: int) -> None:
        """Show the branch with ``message`` in it; not while an answer is in flight."""
        if not self.busy:
            self.current.show_version(message)

    def _ask(self) -> None:
        """Have the last question of the branch shown answered."""
        self.load_next()
        parent = self.current.conversation.leaf
        answer = Message("assistant", "", parent=parent, told_from=self.trimming.first, model=self._model_name)
        self._begin(answer, Reply(), self.trimming.turns(), self.preset)
        self.answering.emit()

    def _begin(self, answer: Message, reply: Reply, turns: Turns, preset: Preset) -> None:
        self.bring_up()
        self.flight.begin(answer, reply, turns, preset, self.current.conversation.chat_settings)

    def _go_on_recalled(self, cut: Message) -> None:
        """Continue ``cut`` now that its log is there; where it is not to be read, answer anew."""
        if self.busy or self.current.conversation.leaf != cut.id:
            return
        if cut.recalled:
            self.current.take_log(cut)
            self.go_on()
        else:
            self.regenerate(cut.id)

    def _stop_here(self) -> None:
        """Stop the answer in flight without waiting for the engine."""
        if self.busy:
            self.flight.stop()
            self.flight.close("stopped")

    def _closed(self, outcome: Outcome, failure: Failure | None) -> None:
        """Say that the answer has ended; where it has no text the one before it is shown again."""
        if failure is not None and failure.down:
            self.set_engine(Engine.DOWN)
        self.answered.emit(outcome)
        if not self.flight.reply.text:
            self.current.step_back()
        if failure is not None:
            self.failed.emit(failure)

    # What the engine says

    def _loading(self, loading: Loading) -> None:
        if self.engine is Engine.LOADING:
            self.loading.emit(loading)

    def _opened(self, opening: Opening, traits: Traits) -> None:
        if opening is self._opening:
            self.traits, self.took = traits, time.monotonic() - opening.since
            self.traits_changed.emit()
            self.set_engine(Engine.READY)

    def _not_opened(self, opening: Opening, failure: Failure) -> None:
        if opening is not self._opening:
            return
        self.set_engine(Engine.DOWN)
        if self.busy:
            self.flight.close("failed")
        self.failed.emit(failure)

    def set_engine(self, engine: Engine) -> None:
        """Note whether the engine can answer."""
        if engine is not self.engine:
            self.engine = engine
            self.engine_changed.emit()
