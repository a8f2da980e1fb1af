"""What a drafter's agreement is worth: how many times as fast as plain decoding it would be, as planning reckons it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod

from engine.architecture import Architecture
from engine.config import PRESETS, TARGET, Exit, Head, Model, Source
from engine.decoding.planning.search import Chain, Reach, search, worth_of
from engine.decoding.planning.value import Cost, Guess

ROW = {"cuda": 0.01, "cpu": 0.25}  # a further row of the target's pass, of one: measured, engine/bench/README.md
LAUNCH = {"cuda": 0.04, "cpu": 0.0}  # of a guess, beside reading the drafter's weights
WHOLE: Source = Model(TARGET)


@dataclass(frozen=True, slots=True)
class Reckoned:
    """Levels known by their weights and by what was held out: a World, in which a pass of the target takes one.

    ``shares``: the weights that a pass of each reads, of the target's; ``agreement``: how often the second of two keeps
    a guess of the first, by its place. ``known``: what each has of the target's pass already, for those above it.
    """

    shares: Mapping[Source, float]
    agreements: Mapping[tuple[Source, Source], Sequence[float]]
    known: Mapping[Source, float]
    device: str
    reach: Reach = field(default_factory=Reach)

    def guesses(self, guessers: Sequence[Source], window: int, judge: Source) -> Sequence[Guess]:
        """See World."""
        (source,) = guessers
        each = self.shares[source] + LAUNCH[self.device]
        return (Guess({window: 1.0}, lambda n: n * each, self.agreements[source, judge]),)

    def cost(self, judge: Source, below: Source | None) -> Cost:
        """See World."""
        share = self.shares[judge] - (0.0 if below is None else self.known.get(below, 0.0))
        launch = 0.0 if judge == WHOLE else LAUNCH[self.device]
        return lambda n: launch + share * (1 + ROW[self.device] * (n - 1))

    def agreement(self, low: Source, high: Source) -> Sequence[float]:
        """See World."""
        return self.agreements[low, high]


def worth(agreement: Sequence[float], share: float, device: str) -> tuple[float, int]:
    """Return the speed beside plain decoding, 1 for none gained, and with how many guesses a round.

    ``agreement``: how often a guess is kept, by its place, once those before it were. ``share``: the drafter's weights,
    of the target's. The most of all windows, none among them.
    """
    kept: dict[tuple[Source, Source], Sequence[float]] = {(Head(), WHOLE): (*agreement, 0.0)}  # it guesses no further
    found, chain = search([(Head(),)], [WHOLE], Reckoned({Head(): share, WHOLE: 1.0}, kept, {}, device))[0]
    return 1 / found.pace, sum(chain.windows)


def of_exits(target: Architecture, depths: Sequence[int], kept: float, between: Sequence[float], device: str) -> float:
    """Return the speed beside plain decoding of HiSpec through adapters behind ``depths`` of the target's layers.

    With HiSpec's own windows, so it may be less than 1. ``kept``: how often the target keeps a guess of the last of
    them; ``between``: how often each keeps one of that below.
    """
    head, layer = target.vocabulary * target.width, sum(map(prod, target.parts.tensors().values()))
    whole = target.layers * layer + head
    exits: list[Source] = [Exit(depth / target.layers, adapted=True) for depth in depths]
    levels = [*exits, WHOLE]
    shares, known = {WHOLE: 1.0}, dict[Source, float]()
    for each, depth in zip(exits, depths, strict=True):
        shares[each], known[each] = ((depth + 1) * layer + head) / whole, depth * layer / whole
    agreements = {pair: (share,) for pair, share in zip(pairwise(levels), (*between, kept), strict=True)}
    windows = tuple(stage.window.tokens for stage in PRESETS["hispec"].stages[: len(exits)])
    chain = Chain((levels[0],), tuple(levels[1:]), windows)
    return 1 / worth_of(chain, Reckoned(shares, agreements, known, device)).pace
