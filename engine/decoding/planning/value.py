"""What a chain of levels is worth: the seconds a token takes in the long run.

Exact for tokens that are kept independently of one another, with a chance for each place in a window. How many tokens a
level hands up, those beyond its window included, is followed as a distribution; rounds of the target are alike, so time
over tokens of a round is the long-run pace (renewal reward).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Cost = Callable[[int], float]  # seconds of a pass over n positions


@dataclass(frozen=True, slots=True)
class Guess:
    """One way in which the bottom of a chain guesses: with some ``chance``, where several take turns.

    ``lengths``: how likely it proposes n tokens, of which 0 is one; ``seconds``: what it takes to propose n.
    ``agreement``: how likely the judge above keeps the token at each place of a window, if all before it stand; the
    last goes on.
    """

    lengths: Mapping[int, float]
    seconds: Cost
    agreement: Sequence[float]
    chance: float = 1.0


@dataclass(frozen=True, slots=True)
class Judge:
    """A level that judges: ``cost`` of its passes, and of what it hands up the ``agreement`` with the judge above.

    ``window``: how many tokens it hands up at the least. ``bonus``: whether it writes one behind a window that stands.
    """

    cost: Cost
    agreement: Sequence[float] = ()
    window: int = 1
    bonus: bool = True


@dataclass(frozen=True, slots=True)
class Worth:
    """What a round of the target takes and brings on average."""

    seconds: float
    tokens: float

    @property
    def pace(self) -> float:
        """Seconds a token."""
        return self.seconds / self.tokens


def worth(guesses: Sequence[Guess], judges: Sequence[Judge]) -> Worth:
    """Return what a round is worth of a chain that guesses by ``guesses`` (none: no speculation) under ``judges``.

    The judges come in the order of the chain, the target last.
    """
    spent, gained = _first(guesses, judges[0])
    for below, judge in pairwise(judges):
        handed, turns = _filled(gained, below.window)
        spent, gained = _next(handed, spent * turns, below.agreement, judge)
    return Worth(spent, sum(m * p for m, p in gained.items()))


def _first(guesses: Sequence[Guess], judge: Judge) -> tuple[float, dict[int, float]]:
    """Return what a turn of the lowest judge costs, all below included, and how likely it makes how many tokens."""
    spent, gained = 0.0, dict[int, float]()
    for guess in guesses or (Guess({0: 1.0}, lambda _: 0.0, ()),):
        drafting = sum(p * guess.seconds(n) for n, p in guess.lengths.items() if n)
        judging, made = _next(guess.lengths, drafting, guess.agreement, judge)
        spent += guess.chance * judging
        for m, p in made.items():
            gained[m] = gained.get(m, 0.0) + guess.chance * p
    return spent, gained


def _next(
    handed: Mapping[int, float], spent: float, agreement: Sequence[float], judge: Judge
) -> tuple[float, dict[int, float]]:
    """Return the same for a judge that gets what was ``handed`` up, which took ``spent`` seconds."""
    gained: dict[int, float] = defaultdict(float)
    for n, p in handed.items():
        spent += p * judge.cost(n + 1 if judge.bonus or not n else n)
        stands = p
        for place in range(n):
            a = agreement[min(place, len(agreement) - 1)]
            gained[place + 1] += stands * (1 - a)
            stands *= a
        gained[n + 1 if judge.bonus or not n else n] += stands
    return spent, gained


def _filled(gained: Mapping[int, float], window: int) -> tuple[dict[int, float], float]:
    """Return how many tokens stand once turns of ``gained`` have filled ``window``, and how many turns that takes."""
    reached = [1.0] + [0.0] * (window - 1)  # how likely the running total is ever s
    for s in range(1, window):
        reached[s] = sum(reached[s - m] * p for m, p in gained.items() if m <= s)
    handed: dict[int, float] = defaultdict(float)
    for s, p in enumerate(reached):
        for m, q in gained.items():
            if s + m >= window:
                handed[s + m] += p * q
    return handed, sum(reached)
