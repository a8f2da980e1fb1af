"""What is said of the levels of a reply, and of the chain that the engine made of them. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LevelInfo:
    """One level of the hierarchy at work, bottom first: ``kind`` says where its laws come from.

    ``window``: how many tokens it hands up at a time, the most for the bottom one and the least for others; ``asked``:
    how many it was to be, which a pass of the level above may not hold. 0: it hands up nothing, or that is not known.
    ``guesses``: it judges nothing, wherever it is; the bottom one never does. See ``guesses``.
    """

    title: str  # "Draft", "Qualifier", "Target", "Lookup"
    detail: str  # "2 of 16 layers", "4.6 M parameters"
    kind: str  # of its source: "exit", "model", "lookup", …
    window: int = 0
    asked: int = 0
    guesses: bool = False

    @property
    def cut(self) -> bool:
        """True where it hands up fewer tokens at a time than were asked for."""
        return self.window < self.asked

    def ahead(self, *, bottom: bool) -> str:
        """Say how many tokens it hands up at a time, and how many were asked for where that is more; empty: unknown."""
        if not self.window:
            return ""
        many = f"up to {self.window} at a time" if bottom else f"{self.window} or more at a time"
        return f"{many}; {self.asked} asked" if self.cut else many


def guesses(levels: Sequence[LevelInfo], index: int) -> bool:
    """Tell whether what the level at ``index`` of ``levels``, bottom first, writes is a guess: it judges nothing."""
    return index < len(levels) - 1 and (index == 0 or levels[index].guesses)


@dataclass(frozen=True, slots=True)
class Planned:
    """The chain that the engine chose by itself, from a token of the reply on, and why.

    ``token``: how many tokens of the reply stood before it. ``working``: which of the reply's levels are at work from
    then on, bottom first; no other takes part. ``guessing``: how many of these guess, the lowest; 0: whichever do by
    their nature, as earlier versions kept it. ``expected``: how many times as fast as plain decoding it promises to
    be, 1 for plain decoding itself, and ``pace``, the same in tokens a second; None: not known yet.
    """

    token: int
    chain: str  # "Lookup, else Head → Target": in technical words
    working: tuple[int, ...]
    expected: float | None
    pace: float | None
    reason: str  # a sentence: "The head is right 61 % of the time and costs 5 % of a pass."
    guessing: int = 0
