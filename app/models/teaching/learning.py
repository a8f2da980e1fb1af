"""Lets the drafter in use learn on from the answers in the chats, while nobody uses the window and only if asked to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from app.models.teaching.order import Order
from app.models.teaching.progress import Progress
from app.models.teaching.teaching import StartTeacher, Teaching
from app.settings.options import Settings
from app.settings.preferences import Preferences
from app.talk.chat import Chat, Engine
from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.teaching.learnt import LEARNS, Learnt, forget, learnt_by
from engine.teaching.process import Teacher

log = logging.getLogger(__name__)

IDLE = 180_000  # ms without a key or an answer after which a session may begin
MINUTES = 5  # of work in a session
NEXT = "It is used from the next time the model is loaded."


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
        self.session = Teaching(self, start)
        self.session.changed.connect(self.changed)
        self.session.over.connect(self._over)
        self._due = True  # there may be an answer that it has not learnt from
        self._trouble = ""
        self.idle = QTimer(self, singleShot=True, interval=IDLE)
        self.idle.timeout.connect(self._begin)
        preferences.changed.connect(self._settings_changed)
        chat.asked.connect(self.touch)
        chat.answered.connect(self._answered)
        chat.engine_changed.connect(self.touch)
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
            return f"Learning: {self.session.progress.done:.0%} of a session.".replace("%", " %")
        known = learnt_by(models) if models is not None else {}
        said = " ".join(_sentence(learnt) for learnt in known.values())
        if self.wanted and models is not None and not self._role(models):
            return f"{models.name} has no drafter that learns on; teach it one: Model, Teach it to draft."
        return said or (self._trouble if self.wanted else "")

    def touch(self, *_: object) -> None:
        """Leave the computer to who uses it now; what is learnt so far stays, and is gone on with another time."""
        progress = self.session.progress
        if self.session.under_way and progress is not None and progress.phase != "stopping":
            self.session.stop()
        if self.wanted:
            self.idle.start()
        else:
            self.idle.stop()

    def give_way(self, working: bool) -> None:
        """Make room while an answer is written or a model is loaded."""
        if working:
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
            if used:
                self.forgotten.emit()
        self.changed.emit()

    def end(self) -> None:
        """Leave with the program."""
        self.idle.stop()
        self.session.end()

    def _begin(self) -> None:
        """Begin a session if everything suits; look again later if not."""
        chat, models = self._chat, self._chat.models
        if not (self.wanted and self._due):
            return
        free = not (chat.busy or chat.engine is Engine.LOADING or self.session.under_way or self._occupied())
        if models is None or not free or not self._mains():
            self.idle.start()
            return
        role = self._role(models)
        if role:
            order = Sitting(models.name, self._named(models), models.target, role, MINUTES, chats=self._chats)
            self.session.begin(order)

    def _role(self, models: ModelSet) -> str:
        return next((role for role in LEARNS if role in models.models), "")

    def _answered(self, *_: object) -> None:
        self._due = True
        self.touch()

    def _over(self, progress: Progress) -> None:
        """Take note of how a session ended; one that was stopped is gone on with when there is time again."""
        if progress.phase != "stopped":
            self._due = False
        if progress.failure is not None:
            self._trouble = f"{progress.failure.sentence} {progress.failure.hint}"
            log.warning("learning on: %s", self._trouble)
        elif progress.ended is not None:
            self._trouble = progress.ended.sentence
        self.changed.emit()

    def _settings_changed(self, before: Settings, now: Settings) -> None:
        if now.learning != before.learning:
            self._due = True
            self.touch()
            self.changed.emit()


def _sentence(learnt: Learnt) -> str:
    """Say what came of the last session."""
    found = f"Learnt from {learnt.answers} answers; in others, kept apart, a guess is right"
    rates = f"{learnt.before:.1%} → {learnt.after:.1%}".replace("%", " %")
    if learnt.used:
        return f"{found} {rates} of the time. {NEXT}"
    return f"{found} {rates} of the time. That is too little to count, so the untouched drafter stays in use."
