"""What crosses between the window's thread and the engine's: frozen values, and one event each that can only be set."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from engine.config import ModelSet, Preset, Sampling
from engine.errors import UpdraftError


@dataclass(frozen=True, slots=True)
class Opening:
    """Asks for ``models``; setting ``abandoned`` ends the loading at its next step."""

    models: ModelSet
    abandoned: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Request:
    """Asks for an answer to ``turns``; everything sent back names ``id``. Setting ``stop`` ends it within a round.

    The event belongs to this request alone, so no order of stopping and asking can stop the wrong answer.
    """

    id: int
    turns: tuple[tuple[str, str], ...]
    preset: Preset
    sampling: Sampling
    max_tokens: int
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as finished sentences. ``down``: the engine holds no model any more."""

    sentence: str
    hint: str
    down: bool = False

    @classmethod
    def of(cls, error: UpdraftError, *, down: bool = False) -> Failure:
        """Return what ``error`` says."""
        return cls(error.sentence, error.hint, down)
