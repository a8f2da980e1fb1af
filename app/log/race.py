"""Two replies to one question on one clock, and what came of them. No Qt."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from app.log.ledger import Ledger
from app.log.replay import Replay, Strip
from engine import words
from engine.tally import Tally

CLOSE = 0.05  # of the time of one reply, within which both took as long: more is not to be told from two timings


@dataclass(frozen=True, slots=True)
class Course:
    """What is raced: one ``question`` to ``model``, answered plainly and through the method called ``title``."""

    question: str
    model: str
    title: str
    lossless: bool
    most: int  # tokens of either reply


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a race: the ``seconds`` and ``tokens`` of the plain reply and of the fast one.

    ``alike``: how many tokens are the same from the first on; None: all of them.
    """

    course: Course
    seconds: tuple[float, float]
    tokens: tuple[int, int]
    alike: int | None

    @property
    def lead(self) -> float:
        """How many times as fast the method was: as soon done, or in tokens a second where the texts differ."""
        plain, fast = self.seconds
        return plain / fast if self.alike is None else (plain * self.tokens[1]) / (fast * self.tokens[0])

    def __str__(self) -> str:
        """Say who was first, and whether the words are the same."""
        title, lead = self.course.title, self.lead
        winner, by = (title, lead) if lead >= 1 else ("Plain", 1 / lead)
        if self.alike is not None:
            ahead = f"{winner} wrote {by:.1f} times as many tokens a second"
            return f"{'Both were as fast' if by <= 1 + CLOSE else ahead}. {self._parting(self.alike)}"
        if by <= 1 + CLOSE:
            return "Both finished together, with the same words."
        slower = f" {title} costs more than it saves here." if winner == "Plain" else ""
        return f"{winner} finished {by:.1f} times as soon, with the same words.{slower}"

    @property
    def figures(self) -> str:
        """Say what the result rests on."""
        plain, fast = (words.seconds(seconds) for seconds in self.seconds)
        return f"Plain {plain}, {self.course.title} {fast}, each timed once"

    def _parting(self, alike: int) -> str:
        """Say where the texts part, and why they may."""
        where = f"The words part after {words.tokens(alike)}" if alike else "The words differ from the first on"
        if not self.course.lossless:
            return f"{where}: {self.course.title} is lossy."
        return f"{where}, which rounding can do where two words are as good as equally likely."


def result_of(course: Course, plain: tuple[Ledger, Tally], fast: tuple[Ledger, Tally]) -> Result | None:
    """Return what came of two replies; None where one of them is not complete or has no text."""
    ends = (plain[1].finished, fast[1].finished)
    if ends[0] is None or ends[1] is None or not all(end and end.tokens and end.seconds for end in ends):
        return None
    alike = None if plain[0].text == fast[0].text else _shared(plain[0], fast[0])
    return Result(course, (ends[0].seconds, ends[1].seconds), (ends[0].tokens, ends[1].tokens), alike)


class RaceReplay:
    """Holds the replies ``plain`` and ``fast`` as they stood ``seconds`` after the first round of each began."""

    def __init__(self, plain: Replay, fast: Replay) -> None:
        self.plain, self.fast = plain, fast
        self.seconds = 0.0
        self._stops = sorted({0.0, *plain.ends, *fast.ends})

    @property
    def length(self) -> float:
        """Seconds until both are done."""
        return self._stops[-1]

    @property
    def over(self) -> bool:
        """True when both are done."""
        return self.seconds >= self.length

    @property
    def strips(self) -> tuple[Strip, ...]:
        """The rounds of both, and their levels."""
        return self.plain.strips + self.fast.strips

    @property
    def place(self) -> str:
        """How far each is, in words."""
        return f"{self.plain.tally.tokens:,} and {words.tokens(self.fast.tally.tokens)}"

    def go(self, seconds: float) -> bool:
        """Go to that moment in both; returns whether text that was written last had to be shortened."""
        self.seconds = min(max(seconds, 0.0), self.length)
        shortened = [reply.go(self.seconds) for reply in (self.plain, self.fast)]
        return any(shortened)

    def step(self, by: int) -> bool:
        """Go to the next end of a round of either, or to the one before; see ``go``."""
        at = bisect_right(self._stops, self.seconds) if by > 0 else bisect_left(self._stops, self.seconds) - 1
        return self.go(self._stops[min(max(at, 0), len(self._stops) - 1)])


def _shared(one: Ledger, other: Ledger) -> int:
    """Return how many tokens of the replies are the same, from the first on."""
    texts = ([token.text for token in ledger.tokens if not token.ghost] for ledger in (one, other))
    pairs = list(zip(*texts, strict=False))
    return next((at for at, (a, b) in enumerate(pairs) if a != b), len(pairs))
