"""What crosses between the window's thread and the engine's: frozen values, with events that can only be set."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from engine.config import Chosen, ModelSet, Preset

Turns = tuple[tuple[str, str], ...]  # (role, text)


def at_once() -> threading.Event:
    """Return an event that nobody has to wait for."""
    event = threading.Event()
    event.set()
    return event


@dataclass(frozen=True, slots=True)
class Opening:
    """Asks for ``models``, ready to answer through ``preset``; setting ``abandoned`` ends the loading at its next step.

    None: with nothing but the target. Loading begins once ``room`` is set: until then something else has the memory.
    ``since``: when they were wanted, by a steady clock in seconds.
    """

    models: ModelSet
    preset: Preset | None = None
    room: threading.Event = field(default_factory=at_once)
    since: float = field(default_factory=time.monotonic)
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
