"""Has one question answered twice, by the method chosen and by plain decoding, and times both; nothing is kept."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Literal

from PySide6.QtCore import QObject, Signal

from app.conversations.conversation import Message
from app.log.race import Course
from app.talk.asking import Asking
from app.talk.chat import Chat
from app.talk.standing import Engine
from app.talk.trimming import turns_before
from app.talk.worker import EngineWorker
from app.threads.exchange import Turns
from app.threads.failure import Failure
from engine.config import PRESETS, Chosen, Preset
from engine.events import Event

LONGEST = 300  # tokens of either answer: what comes after them would tell nothing new
SEEDS = 2**31  # that are drawn from where none is set
Lane = Literal["plain", "fast"]
Ending = Literal["finished", "stopped", "failed"]
# One after the other, or they would take time from each other. The method goes first: it has to do without what the
# engine warms up to and learns on the way, and nothing is known of the text that it could copy.
ORDER: tuple[Lane, ...] = ("fast", "plain")


class Race(QObject):
    """Races the method of ``chat`` against plain decoding: the same question, models, settings and random numbers.

    What is asked for in ``chat`` meanwhile ends it. ``changed``: whether there can be a race, ``why_not``. ``began``
    carries its Course, ``turned`` the lane that is written from now on, ``arrived`` that lane's events; ``ended`` how
    it ended, and the Failure that was why.
    """

    changed = Signal()
    began = Signal(object)  # Course
    turned = Signal(str)  # Lane
    arrived = Signal(str, object)  # Lane, tuple[Event, ...]
    ended = Signal(str, object)  # Ending, Failure or None

    def __init__(self, worker: EngineWorker, chat: Chat) -> None:
        super().__init__(chat)
        self._chat = chat
        self._asking = Asking(worker, self)
        self._asking.arrived.connect(self._arrived)
        self._asking.ended.connect(self._answered)
        self._turns: Turns = ()
        self._preset, self._sampling, self._most = PRESETS["plain"], Chosen(), LONGEST
        self._thinking: bool | None = None
        self._lanes: list[Lane] = []  # being written, and to come
        for disturbed in (chat.answering, chat.continuing, chat.open_wanted, chat.leave_wanted):
            disturbed.connect(self.stop)
        for changed in (chat.options_changed, chat.answering, chat.continuing, chat.answered):
            changed.connect(self.changed)

    @property
    def running(self) -> bool:
        """True while an answer is being written."""
        return bool(self._lanes)

    @property
    def why_not(self) -> str:
        """Say in a sentence why nothing can be raced now; empty where it can."""
        models = self._chat.next_models
        if models is None:
            return "No model is chosen."
        if len(self._chat.preset.stages) == 1:
            return "There is nothing to race: the method chosen is Plain. Choose another one above."
        if not models.runs(self._chat.preset):
            return f"{models.name} cannot run the method {self._chat.preset.title}."
        return "An answer is being written; it has to end first." if self._chat.busy else ""

    def begin(self, answer: Message) -> None:
        """Race over the question that ``answer`` answers, unless there is a reason against it."""
        if self.why_not:
            return
        self.stop()
        chat = self._chat
        chat.load_next()
        chat.bring_up()
        settings = chat.current.conversation.chat_settings
        self._turns, self._preset = turns_before(chat.current.conversation, answer), chat.preset
        seed = secrets.randbelow(SEEDS) if settings.sampling.seed is None else settings.sampling.seed
        self._sampling, self._thinking = replace(settings.sampling, seed=seed), settings.thinking
        self._most = min(settings.max_tokens or LONGEST, LONGEST)
        self._lanes = list(ORDER)
        question = next((text for role, text in reversed(self._turns) if role == "user"), "")
        model = "" if chat.models is None else chat.models.name
        self.began.emit(Course(question, model, self._preset.title, self._preset.lossless, self._most))
        self._ask()

    def stop(self) -> None:
        """End the race within a round of the engine."""
        if self.running:
            self._end("stopped", None)

    def _ask(self) -> None:
        """Have the next lane written."""
        lane = self._lanes[0]
        self.turned.emit(lane)
        preset: Preset = self._preset if lane == "fast" else PRESETS["plain"]
        self._asking.ask(self._turns, preset, self._sampling, self._most, self._thinking)

    def _arrived(self, events: tuple[Event, ...]) -> None:
        self.arrived.emit(self._lanes[0], events)

    def _answered(self, failure: Failure | None) -> None:
        if failure is not None:
            self._end("failed", failure)
            if failure.down:
                self._chat.set_engine(Engine.DOWN)
            return
        del self._lanes[0]
        if self._lanes:
            self._ask()
        else:
            self._end("finished", None)

    def _end(self, ending: Ending, failure: Failure | None) -> None:
        self._lanes = []
        self._asking.stop()
        self.ended.emit(ending, failure)
