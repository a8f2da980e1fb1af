"""Lets the drafter in use learn on from the answers in the chats, while nobody uses the window and only if asked to.

A session reads the model a second time. Where its process says that both do not fit, the chat's is unloaded until the
session is over, or somebody comes back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from app.log.wording import lent
from app.models.teaching.order import Order
from app.models.teaching.progress import NO_ROOM, Progress
from app.models.teaching.teaching import StartTeacher, Teaching
from app.settings.options import Settings
from app.settings.preferences import Preferences
from app.talk.chat import Chat
from app.talk.lending import Lending
from app.talk.standing import Engine
from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.teaching.learnt import LEARNS, Learnt, forget, learnt_by
from engine.teaching.process import Teacher

log = logging.getLogger(__name__)

IDLE = 180_000  # ms without a key or an answer after which a session may begin
MINUTES = 5  # of work in a session
HASTE = 5_000  # ms that somebody who waits for the model lets a session write its state in; it is 30 s old at most
USED, NEXT = "It is in use.", "It is used from the next time the model is loaded."
IN_VAIN = "It cannot learn on here, even while the chat's model is unloaded."


@dataclass(frozen=True, slots=True)
class Sitting(Order):
    """One session of learning on, from the conversations in the folder ``chats``."""

    chats: Path = Path()

    @property
    def words(self) -> tuple[str, ...]:
        """What the command takes behind "teach"."""
        return ("--on", *super(Sitting, self).words, "--chats", str(self.chats))  # slots make the class anew


def on_mains() -> bool:
    """Tell whether there is no battery that would be emptied, as far as is known."""
    with suppress(OSError, psutil.Error, AttributeError, NotImplementedError):
        battery = psutil.sensors_battery()
        return battery is None or battery.power_plugged is not False
    return True


class Learning(QObject):
    """Begins sessions when the window has been left alone, and ends them as soon as it is used.

    ``named``: what the engine's command calls a set of models. ``occupied``: something else is taught. ``note`` says
    how it stands; ``changed``: it says something else. ``forgotten``: what the loaded model guesses by is deleted.
    ``unloaded`` is to be called whenever the engine has given back what it had loaded, ``give_way`` as it works.
    """

    changed = Signal()
    forgotten = Signal()

    def __init__(
        self,
        chat: Chat,
        preferences: Preferences,
        chats: Path,
        named: Callable[[ModelSet], str | None],
        occupied: Callable[[], bool],
        parent: QObject | None = None,
        start: StartTeacher = Teacher,
        mains: Callable[[], bool] = on_mains,
    ) -> None:
        super().__init__(parent)
        self._chat, self._preferences, self._chats = chat, preferences, chats
        self._named, self._occupied, self._mains = named, occupied, mains
        self._lending = Lending(chat)
        self.session = Teaching(self, start)
        self.session.changed.connect(self.changed)
        self.session.over.connect(self._over)
        self._due = True  # there may be an answer that it has not learnt from
        self._alone = self._works = False  # nobody has come since the session began; the engine is at work
        self._in_vain: ModelSet | None = None  # what was unloaded although there was too little memory all the same
        self._loaded = True  # with all that was learnt
        self._ends = False  # with the program
        self._trouble = ""
        self.idle = QTimer(self, singleShot=True, interval=IDLE)
        self.idle.timeout.connect(self._begin)
        preferences.changed.connect(self._settings_changed)
        chat.asked.connect(self.touch)
        chat.answered.connect(self._answered)
        chat.engine_changed.connect(self._engine_changed)
        self.touch()

    @property
    def wanted(self) -> bool:
        """Whether it is switched on."""
        return self._preferences.settings.learning

    @property
    def note(self) -> str:
        """Say in a sentence or two how it stands."""
        models = self._chat.models
        if self.session.under_way and self.session.progress is not None:
            said = f"Learning: {self.session.progress.done:.0%} of a session.".replace("%", " %")
            return f"{said} {lent(models.name, self._chat.took)}" if models and self._lending.lent else said
        known = learnt_by(models) if models is not None else {}
        said = " ".join(_sentence(learnt, USED if self._loaded else NEXT) for learnt in known.values())
        if self.wanted and models is not None and not self._role(models):
            return f"{models.name} has no drafter that learns on; teach it one: Model, Teach it to draft."
        return said or (self._trouble if self.wanted else "")

    def touch(self, *_: object) -> None:
        """Leave the computer to who uses it now; what is learnt so far stays, and is gone on with another time.

        A model that was unloaded is loaded again as soon as the session's process is gone.
        """
        if self._ends:
            return
        self._alone = False
        progress = self.session.progress
        if not self.session.under_way:
            self._lending.take_back()
        elif progress is not None and progress.phase != "stopping":
            self.session.stop(HASTE if self._lending.lent else None)
        if self.wanted:
            self.idle.start()
        else:
            self.idle.stop()

    def give_way(self, working: bool) -> None:
        """Make room while an answer is written or a model is loaded."""
        self._works = working
        if working:
            self.touch()

    def step_aside(self) -> None:
        """Leave off if something else is taught by now."""
        if self._occupied():
            self.touch()

    def forget(self) -> None:
        """Delete all that was learnt; it does not begin again by itself before there is another answer.

        A session under way is killed: asked to leave off, it would write down what it has learnt behind our back.
        """
        models = self._chat.models
        used = models is not None and any(learnt.used for learnt in learnt_by(models).values())
        self.session.drop()
        self._due, self._trouble = False, ""
        try:
            forget()
        except UpdraftError as error:
            log.warning("what was learnt: %s", error)
            self._trouble = f"{error.sentence} {error.hint}"
        else:
            if used and not self._lending.lent:
                self.forgotten.emit()
        self._lending.take_back()  # only now, or it would be loaded with what is forgotten
        self.changed.emit()

    def end(self) -> None:
        """Leave with the program: no answer that ends from here on needs the model again."""
        self._ends = True
        self.idle.stop()
        self.session.end()

    def _begin(self) -> None:
        """Begin a session if everything suits; look again later if not."""
        chat, models = self._chat, self._chat.models
        if not (self.wanted and self._due):
            return
        still = chat.engine in (Engine.READY, Engine.DOWN) and not (chat.busy or self._works)
        free = still and not (self.session.under_way or self._occupied())
        if models is None or not free or not self._mains():
            self.idle.start()
            return
        role = self._role(models)
        if role:
            self._alone = True
            order = Sitting(models.name, self._named(models), models.target, role, MINUTES, chats=self._chats)
            self.session.begin(order)

    def unloaded(self) -> None:
        """Begin once more what did not fit beside the chat's model, if that was unloaded for it and nobody came."""
        progress = self.session.progress
        if self._chat.engine is Engine.LENT and progress is not None and not self.session.under_way:
            self.session.begin(progress.order)

    def _makes_room(self) -> bool:
        """Have the chat's model unloaded; False where somebody uses it, or it was in vain before."""
        left_alone = self._alone and not (self._works or self._occupied())
        return left_alone and self._chat.models != self._in_vain and self._lending.lend()

    def _role(self, models: ModelSet) -> str:
        return next((role for role in LEARNS if role in models.models), "")

    def _answered(self, *_: object) -> None:
        self._due = True
        self.touch()

    def _over(self, progress: Progress) -> None:
        """Take note of how a session ended; one that was stopped is gone on with when there is time again."""
        no_room = progress.failure is not None and progress.failure.kind == NO_ROOM
        if no_room and self._makes_room():
            return
        if progress.phase != "stopped":
            self._due = False
        if progress.failure is not None:
            self._trouble = f"{progress.failure.sentence} {progress.failure.hint}"
            log.warning("learning on: %s", self._trouble)
        elif progress.ended is not None:
            self._trouble, self._loaded = progress.ended.sentence, False
        if no_room and self._lending.lent:
            self._in_vain = self._chat.models
        if no_room and self._chat.models == self._in_vain:
            self._trouble = f"{IN_VAIN} {self._trouble}"
        self._lending.take_back()
        self.changed.emit()

    def _engine_changed(self) -> None:
        """Take a model that comes or goes for somebody at work, unless it went for a session."""
        self._loaded = self._loaded or self._chat.engine is Engine.READY
        if self._chat.engine is not Engine.LENT:
            self.touch()

    def _settings_changed(self, before: Settings, now: Settings) -> None:
        if now.learning != before.learning:
            self._due, self._in_vain = True, None
            self.touch()
            self.changed.emit()


def _sentence(learnt: Learnt, when: str) -> str:
    """Say what came of the last session, and ``when`` it is used."""
    found = f"Learnt from {learnt.answers} answers; in others, kept apart, a guess is right"
    rates = f"{learnt.before:.1%} → {learnt.after:.1%}".replace("%", " %")
    if learnt.used:
        return f"{found} {rates} of the time. {when}"
    return f"{found} {rates} of the time. That is too little to count, so the untouched drafter stays in use."
