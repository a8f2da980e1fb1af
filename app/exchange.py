"""What crosses between the window's thread and the engine's: frozen values, and one event each that can only be set."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

from engine.config import Chosen, ModelSet, Preset
from engine.errors import CheckpointError, ContextFull, DeviceError, ModelSetError, TemplateError, UpdraftError

Turns = tuple[tuple[str, str], ...]  # (role, text)
# What a person can do about a failure; the banner has a button for each.
Remedy = Literal[
    "retry", "trim", "shorten", "new chat", "model", "folder", "data folder", "save again", "make folder", "report",
    "settings", "get", "present",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opening:
    """Asks for ``models``, ready to answer through ``preset``; setting ``abandoned`` ends the loading at its next step.

    None: with nothing but the target.
    """

    models: ModelSet
    preset: Preset | None = None
    abandoned: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Request:
    """Asks for an answer to ``turns``; everything sent back names ``id``. Setting ``stop`` ends it within a round.

    The event belongs to this request alone, so no order of stopping and asking can stop the wrong answer.
    """

    id: int
    turns: Turns
    preset: Preset
    sampling: Chosen
    max_tokens: int | None  # None: as many as the context holds
    opening: str = ""  # how the answer already begins
    thinking: bool | None = None  # None: as the model does
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Count:
    """Asks how much of the context ``turns`` take. Should they not fit, what is left is to leave ``room`` tokens.

    None: as many as can be had.
    """

    id: int
    turns: Turns
    preset: Preset
    room: int | None


@dataclass(frozen=True, slots=True)
class Fill:
    """How full the context would be: ``used`` of ``limit`` tokens.

    ``surplus``: how many of the oldest turns, the system's aside, have to go for the rest to fit; None: all but the
    last would not be enough.
    """

    id: int
    used: int
    limit: int
    surplus: int | None = 0

    @property
    def fits(self) -> bool:
        """True when there is room for at least one token of an answer."""
        return self.used < self.limit


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as finished sentences, and what can be done. ``down``: the engine holds no model any more.

    ``calm``: nothing failed, but it should be known.
    """

    sentence: str
    hint: str
    down: bool = False
    remedies: tuple[Remedy, ...] = ("retry",)
    calm: bool = False

    @classmethod
    def of(cls, error: UpdraftError, *, down: bool = False) -> Failure:
        """Return what ``error`` says, with the remedies for errors of its kind."""
        found = next((means for kind, means in _REMEDIES if isinstance(error, kind)), ())
        remedies = dict.fromkeys((*found, "retry", "folder") if down else found or ("retry",))
        return cls(error.sentence, error.hint, down, tuple(remedies))


_REMEDIES: tuple[tuple[type[UpdraftError], tuple[Remedy, ...]], ...] = (
    (ContextFull, ("trim", "shorten", "new chat")),
    (DeviceError, ("new chat", "model", "retry")),
    (CheckpointError, ("retry", "folder")),
    (ModelSetError, ("model",)),
    (TemplateError, ("new chat", "model")),
)
