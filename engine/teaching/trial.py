"""A new drafter on trial: the same answers without one, with it, and with the one there was, one set after another.

It makes room for others as a course does: an answer during which it is to wait is given once more.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from engine.config import PRESETS, ModelSet, Preset, Sampling
from engine.events import Finished, finished
from engine.session import Session
from engine.teaching.kinds import Kind
from engine.teaching.steering import Steering

QUESTIONS = (  # nothing like them is among the prompts that a model learns by
    "Why do leaves turn yellow in autumn?",
    "Write a friendly note to a new neighbour.",
    "What is the difference between weather and climate?",
    "Give me a simple plan for learning to cook.",
    "Explain how a bicycle stays upright.",
    "Tell a short story about a lighthouse keeper.",
)
LENGTH = 96  # tokens of an answer
WARMTH = 0.7


@dataclass(frozen=True, slots=True)
class Tried:
    """Tokens a second of every answer, by method: "plain", "new", and "old" where there was a drafter before."""

    paces: Mapping[str, tuple[float, ...]]

    def gain(self, over: str) -> tuple[float, float]:
        """Return how many times as fast the new one was as ``over``, answer by answer, and how sure that is."""
        ratios = [new / old for new, old in zip(self.paces["new"], self.paces[over], strict=True)]
        return fmean(ratios), 2 * stdev(ratios) / len(ratios) ** 0.5

    @property
    def keeps(self) -> bool:
        """Tell whether the new one is faster than all others by more than a standard error: chance replaces none."""
        gains = [self.gain(over) for over in self.paces if over != "new"]
        return all(gain - give / 2 > 1 for gain, give in gains)

    def measured(self, where: str) -> dict[str, Any]:
        """Return for a card what was found on the device called ``where``: tokens a second, and gains with their error.

        "old" is the drafter that there was before.
        """
        return {
            "device": where,
            "answers": f"{len(QUESTIONS)} of up to {LENGTH} tokens at temperature {WARMTH}",
            "tokens a second": {name: round(fmean(each), 2) for name, each in self.paces.items()},
            "times as fast as": {
                over: [round(each, 3) for each in self.gain(over)] for over in self.paces if over != "new"
            },
        }

    def sentence(self) -> str:
        """Say what was found."""
        value, give = self.gain("plain")
        found = f"Answers come {value:.2f} ± {give:.2f} times as fast as without it"
        if "old" in self.paces:
            value, give = self.gain("old")
            found += f", and {value:.2f} ± {give:.2f} times as fast as with the one before"
        return f"{found} (in {len(QUESTIONS)} answers of up to {LENGTH} tokens)."


def try_out(models: ModelSet, kind: Kind, folder: Path, device: str, steering: Steering) -> Tried:
    """Answer with the drafter of that ``kind`` in ``folder``, without it, and with the one that ``models`` has.

    Where they lack what its method needs besides, it is tried as a draft by itself. Raises Stopping where
    it is to leave off.
    """
    role, preset = kind.role, kind.preset
    if not kind.needs <= models.models.keys():
        role, preset = "draft", PRESETS["draft"]
    sets = {"plain": (models, PRESETS["plain"]), "new": (_with(models, role, folder), preset)}
    if role == kind.role and role in models.models:
        sets["old"] = models, kind.preset
    return Tried({name: _paces(*each, device, steering, name) for name, each in sets.items()})


def _with(models: ModelSet, role: str, folder: Path) -> ModelSet:
    return ModelSet(models.name, {**models.models, role: folder})


def _paces(models: ModelSet, preset: Preset, device: str, steering: Steering, name: str) -> tuple[float, ...]:
    """Return the tokens a second of every answer through ``preset``, behind one that warms up."""
    steering.say(f"trying: {name}")
    session = finished(Session.open(models, device, room=1024))
    try:
        return tuple(pace(session, preset, question, steering) for question in (QUESTIONS[0], *QUESTIONS))[1:]
    finally:
        session.close()


def pace(session: Session, preset: Preset, question: str, steering: Steering) -> float:
    """Return the tokens a second of an answer through ``preset`` that nothing interrupted."""
    asked: Sequence[tuple[str, str]] = [("user", question)]
    while True:
        steering.pass_by()
        events = session.reply(asked, preset=preset, sampling=Sampling(WARMTH, seed=1), max_tokens=LENGTH)
        for event in events:
            if steering.wanted:
                break
            if isinstance(event, Finished):
                return event.tokens_per_second
        if isinstance(events, Generator):
            events.close()  # the next one begins with caches in order
