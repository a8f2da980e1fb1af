"""What a process that teaches tells, and what it takes: values that travel as one line of JSON each. No torch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PAUSE, RESUME, STOP = "pause", "resume", "stop"  # the words it takes, a line each; the end of the input is a stop


@dataclass(frozen=True, slots=True)
class News:
    """How far a course is: ``done`` of it, 0 to 1, and what it does now.

    ``tokens`` of replies so far, ``pace`` tokens a second written or read. ``agreement``: how often each further guess
    is kept, of held-out replies; empty before the first look. ``worth``: times as fast as plain decoding by that.
    """

    doing: str
    done: float
    tokens: int = 0
    pace: float = 0.0
    loss: float | None = None
    agreement: tuple[float, ...] = ()
    worth: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A step on the way, in a ``line``; one that ``stays`` is true of the whole course."""

    line: str
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Work waits, as it was asked to, or goes on."""

    waits: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """It leaves off, as it was asked to; everything is written, and started again it goes on from there."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The trial is over: its ``sentence``, whether the drafter is ``kept``, and in ``outcome`` what was done with it.

    ``folder``: where it lies. ``gain``: how many times as fast as plain decoding answers came with it.
    """

    sentence: str
    kept: bool
    outcome: str
    folder: str
    gain: float


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot go on: what happened and what to do about it; ``kind`` as of the error, "memory" where that lacks."""

    sentence: str
    hint: str
    kind: str = ""


Told = News | Said | Held | Stopped | Ended | Failed
Tell = Callable[[Told], None]
_TOLD = {kind.__name__: kind for kind in (News, Said, Held, Stopped, Ended, Failed)}


def encode(told: Told) -> str:
    """Return ``told`` as one line of JSON, its line end included."""
    return json.dumps({"type": type(told).__name__, **dataclasses.asdict(told)}) + "\n"


def decode(line: str) -> Told:
    """Invert ``encode``; raises ValueError, KeyError or TypeError for anything else."""
    fields: dict[str, Any] = json.loads(line)
    kind = _TOLD[fields.pop("type")]
    if kind is News:
        fields["agreement"] = tuple(fields["agreement"])
    told: Told = kind(**fields)
    return told
