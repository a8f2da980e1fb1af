"""Finds the chain and the windows that are worth most, over all levels there are (HSD, arXiv 2510.19705).

Which levels: a shortest path, from what guesses to the target, where an edge multiplies the time a token took so far
and adds a pass of its own. That is exact if a level hands up just as many tokens as its window has. So a few of the
best paths are kept at every level, and of those that reach the target the windows are bettered one by one by what the
chain is really worth. Polynomial in the levels; tests hold it against every chain with all windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from engine.config import TARGET, Model, Source
from engine.decoding.planning.value import Cost, Guess, Judge, Worth, worth

WIDEST = 8  # tokens of a window
MOST = 15  # tokens that a pass of the target judges: a row more, and it has all that a pass on a GPU holds
BEAM = 5  # paths kept at a level
FARTHER = 10, 12, 16, 20, 24, 32, 40, 48, 64  # tokens of a window below a target whose pass they hardly lengthen


@dataclass(frozen=True, slots=True)
class Reach:
    """How wide windows may be: each ``widest`` tokens at most, all of a chain together ``most``.

    ``top``: of the window below the target, where the target's pass is none of those that are recorded; that window
    then counts with no other. None: it is as all others.
    """

    widest: int = WIDEST
    most: int = MOST
    top: int | None = None

    def holds(self, windows: Sequence[int], *, whole: bool = True) -> bool:
        """Tell whether passes have room for ``windows``, bottom first; ``whole``: the last is handed to the target."""
        if whole and self.top is not None:
            *windows, last = windows
            if not 0 < last <= self.top:
                return False
        return all(0 < window <= self.widest for window in windows) and sum(windows) <= self.most

    def widths(self, *, whole: bool) -> list[int]:
        """Return the windows to try; ``whole``: below the target."""
        farther = FARTHER if whole and self.top is not None else ()
        return [*range(1, self.widest + 1), *(width for width in farther if width <= (self.top or 0))]


OVER_THE_BUS = Reach(top=FARTHER[-1])


@dataclass(frozen=True, slots=True)
class Chain:
    """What guesses, the first of it that has something to propose; the judges above, the target last; their windows.

    ``windows``: of what guesses and of each judge but the target; empty where nothing guesses.
    """

    guessers: tuple[Source, ...]
    judges: tuple[Source, ...]
    windows: tuple[int, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """All levels, bottom first."""
        return self.guessers + self.judges


class World(Protocol):
    """What is believed of the levels; ``reach``: how wide their windows may be."""

    @property
    def reach(self) -> Reach: ...

    def guesses(self, guessers: Sequence[Source], window: int, judge: Source) -> Sequence[Guess]:
        """Return in which ways they guess, up to ``window`` tokens, for ``judge``."""

    def cost(self, judge: Source, below: Source | None) -> Cost:
        """Return what passes of ``judge`` cost over what the level ``below`` (None: nothing) proposes."""

    def agreement(self, low: Source, high: Source) -> Sequence[float]:
        """Return how likely ``high`` keeps a token of ``low``, by its place in what is handed up."""


def worth_of(chain: Chain, world: World) -> Worth:
    """Return what ``chain`` is worth."""
    guesses = world.guesses(chain.guessers, chain.windows[0], chain.judges[0]) if chain.guessers else ()
    below = [chain.guessers[-1] if chain.guessers else None, *chain.judges]
    agreement = [world.agreement(low, high) for low, high in pairwise(chain.judges)]
    levels = zip(chain.judges, below, [*agreement, ()], [*chain.windows[1:], 1], strict=False)
    return worth(guesses, [Judge(world.cost(judge, low), shares, window) for judge, low, shares, window in levels])


def search(bottoms: Sequence[tuple[Source, ...]], judges: Sequence[Source], world: World) -> list[tuple[Worth, Chain]]:
    """Return the best chains of different levels, with their best windows, best first; plain decoding among them.

    ``bottoms``: what can guess; ``judges``: what can judge, smaller ones first, the target last.
    """
    paths: list[list[tuple[float, Chain]]] = []
    for at, judge in enumerate(judges):
        widths = world.reach.widths(whole=judge == Model(TARGET))
        lower = [bottom for bottom in bottoms if judge not in bottom and _lower(bottom, judge, judges[:at])]
        begun = _begun(lower, judge, widths, world)
        further = (path for i, below in enumerate(paths) for path in _further(below, judges[i], judge, widths, world))
        paths.append(_best([*begun, *further])[:BEAM])
    plain = Chain((), (judges[-1],))
    found = [*(refined(chain, world) for _, chain in paths[-1]), (worth_of(plain, world), plain)]
    return sorted(found, key=lambda option: option[0].pace)


def refined(chain: Chain, world: World) -> tuple[Worth, Chain]:
    """Return ``chain`` with the windows that are worth most of those that lie near, each step for the better."""
    best = worth_of(chain, world)
    while True:
        options = [(worth_of(other, world), other) for other in _beside(chain, world.reach)]
        nearest = min(options, key=lambda option: option[0].pace, default=(best, chain))
        if nearest[0].pace >= best.pace * (1 - 1e-9):
            return best, chain
        best, chain = nearest


def _lower(bottom: Iterable[Source], judge: Source, below: Sequence[Source]) -> bool:
    """Tell whether all of ``bottom`` that could judge as well are smaller than ``judge`` with these ``below`` it.

    What reads a smaller model is judged by that.
    """
    whose = {Model(source.of) for source in bottom} - {Model(TARGET)}
    return whose <= {judge} and all(source in below for source in bottom if source.judges)


def _begun(
    bottoms: Sequence[tuple[Source, ...]], judge: Source, widths: Sequence[int], world: World
) -> Iterator[tuple[float, Chain]]:
    """Yield the chains in which ``judge`` judges what is guessed, with what a token then takes."""
    for bottom in bottoms:
        for window in widths:
            chain = Chain(bottom, (judge,), (window,))
            yield worth_of(chain, world).pace, chain


def _further(
    paths: Sequence[tuple[float, Chain]], below: Source, judge: Source, widths: Sequence[int], world: World
) -> Iterator[tuple[float, Chain]]:
    """Yield ``paths`` that end in ``below`` with ``judge`` on top, as if just a window were handed up."""
    cost, shares = world.cost(judge, below), world.agreement(below, judge)
    stands, expected = 1.0, 1.0
    for window in range(1, widths[-1] + 1):
        stands *= shares[min(window, len(shares)) - 1]
        expected += stands
        for pace, chain in paths if window in widths else ():
            longer = Chain(chain.guessers, (*chain.judges, judge), (*chain.windows, window))
            if world.reach.holds(longer.windows, whole=judge == Model(TARGET)):
                yield (cost(window + 1) + window * pace) / expected, longer


def _best(options: Iterable[tuple[float, Chain]]) -> list[tuple[float, Chain]]:
    """Return the best of those of the same levels, best first."""
    found: dict[tuple[Source, ...], tuple[float, Chain]] = {}
    for option in sorted(options, key=lambda option: option[0]):
        found.setdefault(option[1].sources, option)
    return list(found.values())


def _beside(chain: Chain, reach: Reach) -> Iterator[Chain]:
    """Yield ``chain`` with one of its windows a little wider or narrower."""
    for at, window in enumerate(chain.windows):
        step = max(2, window // 4)
        for other in (window - step, window - 1, window + 1, window + step):
            windows = (*chain.windows[:at], other, *chain.windows[at + 1 :])
            if reach.holds(windows):
                yield replace(chain, windows=windows)
