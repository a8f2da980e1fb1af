"""What passes cost, by who makes them, over what, and how wide: measured at load, refined by every round.

Machines slow down and speed up as a whole, when another program wants its share. So a pass that takes longer than
expected first moves the ``tempo`` that all costs share, and only slowly what is believed of it beside others: chains
are compared by what stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, log
from typing import Literal

from engine.architecture import read_architecture
from engine.config import TARGET, Model, ModelSet, Source
from engine.decoding.planning.value import Cost
from engine.errors import UpdraftError

# The first pass of a window that guesses, those that follow, a verdict; reading a token of a text, or a text.
Kind = Literal["first", "further", "judge", "read"]
Key = tuple[Source, Source | None, Kind]
ANCHORED = 4.0  # passes seen, from which on one tells of the tempo
HEAVIEST = 80.0  # passes that a cost remembers
TEXTS, FIRST = 6.0, 0.01  # texts that the cost of reading remembers; what the first counts, which may have warmed up
QUICK = 0.25  # of what a pass took too long that the tempo follows
CLIPPED = 0.7  # in logarithms: a pass that took longer was held up, and counts as this
WIDER, WIDER_ON_CPU = 0.01, 0.15  # of a pass over one position, that one more takes until it was timed
FLAT = 0.0005  # the same of a target whose layers come over the bus
ACROSS = 20.0  # times as long a layer takes that comes over the bus, as one that stays
WIDE = 16  # tokens of such a pass
READS = 0.3  # of the pass that guesses a token, that a token of a text takes what does not judge
# Of a pass of the model it reads, before one was timed.
SHARES: Mapping[str, float] = {"head": 0.15, "inner head": 0.15, "block": 0.3}


@dataclass(slots=True)
class Costs:
    """What is known of passes; unknown ones are reckoned from the ``sizes`` of models, parameters for each source.

    ``wider``: what one more position takes of a pass over one, where that was not timed. ``slower``: how many times as
    long as if all of its layers stayed a pass of the target takes, some of which come over the bus.
    """

    target: Source
    sizes: Mapping[Source, float] = field(default_factory=dict)
    wider: float = 0.02
    slower: float = 1.0
    tempo: float = 0.0
    known: dict[Key, dict[int, list[float]]] = field(default_factory=dict)  # positions -> [log seconds, passes]

    def observe(self, who: Source, below: Source | None, kind: Kind, positions: int, seconds: float) -> None:
        """Learn what a pass took."""
        if seconds <= 0:
            return
        widths = self.known.setdefault((who, below, kind), {})
        if positions not in widths:
            widths[positions] = [log(seconds) - self.tempo, 0.5]  # the first may have warmed up
            return
        entry = widths[positions]
        over = log(seconds) - self.tempo - entry[0]
        if entry[1] >= ANCHORED:
            over = max(-CLIPPED, min(over, CLIPPED))
            self.tempo += QUICK * over
            over -= QUICK * over
        entry[1] = min(entry[1] + 1, HEAVIEST)
        entry[0] += over / entry[1]

    def read(self, tokens: Mapping[Source, int], seconds: float) -> None:
        """Learn how long sources took together to read so many ``tokens`` each, which tells nothing of the tempo."""
        thought = sum(count * self.reading(source) for source, count in tokens.items())
        for source in tokens if seconds > 0 else ():
            took = log(self.reading(source) * seconds / thought) - self.tempo
            entry = self.known.setdefault((source, None, "read"), {}).setdefault(1, [took, FIRST - 1])
            entry[1] = min(entry[1] + 1, TEXTS)
            entry[0] += (took - entry[0]) / max(entry[1], 1.0)

    def reading(self, source: Source) -> float:
        """Return the seconds a token of a text takes ``source`` to read, as timed or as in passes that are wide."""
        timed = self._one((source, None, "read"))
        if timed is not None:
            return timed
        return self.judging(source, None)(WIDE) / WIDE if source.judges else READS * self.guessing(source)(1)

    def timed(self, source: Source) -> bool:
        """Tell whether any pass of ``source`` was ever timed."""
        return any(who == source and kind != "read" for who, _, kind in self.known)

    def judging(self, judge: Source, below: Source | None) -> Cost:
        """Return the seconds of passes of ``judge`` over what ``below`` proposed, by their positions."""
        table = self._table((judge, below, "judge"), (judge, None, "judge"))
        wider = FLAT if judge == self.target and self.slower > 1 else self.wider
        if not table:
            one = self._reckoned(judge)
            return lambda n: one * (1 + wider * (n - 1))
        return _along(table, wider)

    def guessing(self, source: Source) -> Cost:
        """Return the seconds ``source`` takes to guess so many tokens."""
        first, further = self._one((source, None, "first")), self._one((source, None, "further"))
        if first is None:
            first = self.judging(source, None)(1) if source.judges else self._reckoned(source)
        each = first if further is None and source.kind != "block" else further or 0.0
        return lambda n: first + (n - 1) * each

    def _reckoned(self, source: Source) -> float:
        """Return the seconds of a pass over one position that was never timed."""
        judged = (key for key in self.known if key[::2] == (self.target, "judge"))
        table = self._table((self.target, None, "judge"), *judged)
        unit = _along(table, self.wider)(1) if table else exp(self.tempo)
        depth = getattr(source, "depth", None)
        share = SHARES.get(source.kind, 1.0) if depth is None else depth + 0.1
        if source in self.sizes and self.target in self.sizes:
            share = self.sizes[source] / self.sizes[self.target]
        elif source.of != TARGET and self.sizes.keys() >= {whose := Model(source.of), self.target}:
            share *= self.sizes[whose] / self.sizes[self.target]
        return unit * share if source == self.target else unit * share / self.slower

    def _one(self, key: Key) -> float | None:
        """Return the mean seconds of passes of any width."""
        widths = self.known.get(key)
        if not widths:
            return None
        passes = sum(weight for _, weight in widths.values())
        return exp(self.tempo + sum(at * weight for at, weight in widths.values()) / passes)

    def _table(self, *keys: Key) -> list[tuple[int, float]]:
        """Return the (positions, seconds) known of the first of ``keys`` of which any are."""
        for key in keys:
            if widths := self.known.get(key):
                return [(n, exp(at + self.tempo)) for n, at in _rising(widths)]
        return []


def sizes_of(models: ModelSet) -> dict[Source, float]:
    """Return how many parameters each model has, where that can be read: loading one says what is wrong with it."""
    found: dict[Source, float] = {}
    for role in (TARGET, *sorted(models.smaller)):
        with suppress(UpdraftError, OSError):
            found[Model(role)] = float(read_architecture(models.models[role]).parameters)
    return found


def _rising(widths: Mapping[int, Sequence[float]]) -> list[tuple[int, float]]:
    """Return (positions, log seconds), where more take no less: what says otherwise is pooled, by passes seen.

    Else a few plain steps that were held up make every window look cheap.
    """
    pools = list[tuple[float, float, list[int]]]()
    for n, (at, weight) in sorted(widths.items()):
        both = at, weight, [n]
        while pools and pools[-1][0] > both[0]:
            low, passes, lower = pools.pop()
            total = passes + both[1] or 1.0
            both = (low * passes + both[0] * both[1]) / total, total, [*lower, *both[2]]
        pools.append(both)
    return [(n, at) for at, _, pooled in pools for n in pooled]


def _along(table: Iterable[tuple[int, float]], wider: float) -> Cost:
    """Return costs on straight lines through ``table``, and beyond it as passes are thought to grow."""
    points = list(table)
    (least, cheapest), (widest, dearest) = points[0], points[-1]
    one = cheapest / (1 + wider * (least - 1))

    def cost(n: int) -> float:
        if n <= least:
            return one * (1 + wider * (n - 1))
        for (a, x), (b, y) in pairwise(points):
            if n <= b:
                return x + (y - x) * (n - a) / (b - a)
        return dearest + one * wider * (n - widest)

    return cost
