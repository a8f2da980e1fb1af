"""Which chain of models, with which windows, settles tokens fastest on this machine (HSD, arXiv 2510.19705).

The value of a chain is exact for acceptance that is independent from token to token: what a level hands up, overshoot
included, is followed as a distribution, and time over tokens of a target round is the long-run pace (renewal reward).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise, product
from operator import itemgetter

from engine.architecture import read_architecture
from engine.config import Model, ModelSet, Preset, Source, Stage, Window
from engine.errors import UpdraftError
from engine.events import Round

Cost = Callable[[int], float]  # seconds of a pass over n positions
WIDEST = (6, 8)  # windows tried: of the bottom level, of those above it
GAIN = 0.95  # a new plan must promise this share of the present one's time, since changing it costs a moment
PATIENCE = 10  # replies by plain decoding after which speculation is tried again
FADE = 0.98  # of what was counted, a round: what a chat is about changes
UNSEEN = 0.7  # agreement of models that have not run together yet
WIDER = 0.15  # what a processor takes for one more position of a pass, as a share of what it takes for the first


def seconds_per_token(costs: Sequence[Cost], agreement: Sequence[float], windows: Sequence[int]) -> float:
    """Return the long-run seconds a token of a chain, bottom first: ``agreement[i]`` of level i judged by level i + 1.

    ``windows``: of every level but the target; every judge also writes the token behind what it keeps.
    """
    top = len(costs) - 1
    if top == 0:
        return costs[0](1)
    handed, spent = {windows[0]: 1.0}, windows[0] * costs[0](1)
    for level in range(1, top + 1):
        gained = _gains(handed, agreement[level - 1])
        spent += sum(p * costs[level](n + 1) for n, p in handed.items())
        if level < top:
            handed, turns = _filled(gained, windows[level])
            spent *= turns
    return spent / sum(m * p for m, p in gained.items())


def _gains(handed: Mapping[int, float], a: float) -> dict[int, float]:
    """Return how likely a judge makes m tokens of n that were handed up: those kept, and one of its own."""
    gained: dict[int, float] = defaultdict(float)
    for n, p in handed.items():
        for m in range(1, n + 1):
            gained[m] += p * a ** (m - 1) * (1 - a)
        gained[n + 1] += p * a**n
    return gained


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


@dataclass(slots=True)
class Planner:
    """Learns from rounds what passes cost and how often models agree, and names the chain to go on with.

    ``sizes``: parameters, by which passes are reckoned on a processor until they have been timed, so that a first
    reply does not have to try what will hardly pay. Without them it runs all the models, which costs a GPU little.
    """

    sizes: Mapping[Source, int] = field(default_factory=dict)
    _costs: dict[Source, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    _counts: dict[tuple[Source, Source], list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    _present: tuple[Source, ...] = ()
    _windows: tuple[int, ...] = ()
    _plain: int = 0  # replies by plain decoding in a row

    def add(self, round_: Round, preset: Preset) -> None:
        """Learn from a round of ``preset``, no level of which may read another's model."""
        sources = _sources(preset)
        for made in round_.passes:
            self.time(sources[made.level], made.tokens, made.seconds)
        first = [token for token in round_.tokens if not token.runner_up]
        for level in range(1, len(sources)):
            judged = [token for token in first if level in [at for at, _ in token.judged[1:]]]
            self._count(
                (sources[level - 1], sources[level]),
                sum(token.reached >= level for token in judged),
                sum(token.rejected_by == level for token in judged),
            )

    def time(self, source: Source, tokens: int, seconds: float) -> None:
        """Learn what a pass of ``tokens`` positions took."""
        known = self._costs[source]
        known[tokens] = seconds + FADE * (known[tokens] - seconds) if tokens in known else seconds

    def plan(self, preset: Preset) -> Preset:
        """Return ``preset`` with the chain and windows that promise most, unless too little is known yet.

        It keeps to what it said last until something promises clearly more, and tries speculation again after a while
        of plain decoding.
        """
        sources = _sources(preset)
        if any(source not in self._costs and source not in self.sizes for source in sources):
            return preset
        options = [(self._pace(chain, windows), chain, windows) for chain, windows in _options(sources)]
        self._plain = self._plain + 1 if len(self._present) == 1 else 0
        if self._plain > PATIENCE:
            options = [option for option in options if len(option[1]) > 1]
            self._present = ()
        pace, chain, windows = min(options, key=itemgetter(0))
        if not self._present or pace < GAIN * self._pace(self._present, self._windows):
            self._present, self._windows = chain, windows
        return _with_chain(preset, self._present, self._windows)

    def _pace(self, chain: Sequence[Source], windows: Sequence[int]) -> float:
        costs = [self._cost(source) for source in chain]
        return seconds_per_token(costs, [self._agreement(*pair) for pair in pairwise(chain)], windows)

    def _cost(self, source: Source) -> Cost:
        """Return what its passes cost: as seen, between two sizes in proportion, beyond them as the nearest."""
        if source not in self._costs:
            share = self.sizes[source] * self._pace_of_one
            return lambda n: share * _width(n)
        seen = sorted(self._costs[source].items())

        def cost(n: int) -> float:
            below = [point for point in seen if point[0] <= n] or seen[:1]
            above = [point for point in seen if point[0] >= n] or seen[-1:]
            (a, x), (b, y) = below[-1], above[0]
            return x if a == b else x + (y - x) * (n - a) / (b - a)

        return cost

    @property
    def _pace_of_one(self) -> float:
        """The seconds a parameter takes of a pass over one position, by the models that were timed; 1 for none."""
        known = [source for source in self._costs if source in self.sizes]
        spent = [seconds / _width(n) for source in known for n, seconds in list(self._costs[source].items())[:1]]
        return sum(spent) / sum(self.sizes[source] for source in known) if known else 1.0

    def _agreement(self, low: Source, high: Source) -> float:
        kept, fell = self._counts.get((low, high), (0.0, 0.0))
        prior = self._prior(low, high)
        return (kept + 2 * prior) / (kept + fell + 2)

    def _prior(self, low: Source, high: Source) -> float:
        """Guess the agreement of two models from a third that has met both: hopefully, so that it gets tried."""
        between = [
            min(self._agreement(low, middle), self._agreement(middle, high))
            for first, middle in self._counts
            if first == low and middle != high and (middle, high) in self._counts
        ]
        return max(between, default=UNSEEN)

    def _count(self, pair: tuple[Source, Source], kept: int, fell: int) -> None:
        counts = self._counts[pair]
        counts[:] = FADE * counts[0] + kept, FADE * counts[1] + fell


def sizes_of(models: ModelSet) -> dict[Source, int]:
    """Return how many parameters each model has, where that can be read: loading one says what is wrong with it."""
    found: dict[Source, int] = {}
    for role, folder in models.models.items():
        with suppress(UpdraftError, OSError):
            found[Model(role)] = read_architecture(folder).parameters
    return found


def _width(tokens: int) -> float:
    """Return how many times as long as one over a position a processor's pass over ``tokens`` takes."""
    return 1 + WIDER * (tokens - 1)


def _sources(preset: Preset) -> tuple[Source, ...]:
    return tuple(stage.source for stage in preset.stages)


def _options(sources: Sequence[Source]) -> Iterator[tuple[tuple[Source, ...], tuple[int, ...]]]:
    """Yield every chain that ends in the target, smaller models first, with every choice of windows."""
    *smaller, target = sources
    for count in range(len(smaller) + 1):
        for below in combinations(smaller, count):
            sizes = [range(1, WIDEST[min(level, 1)] + 1) for level in range(count)]
            for windows in product(*sizes):
                yield (*below, target), windows


def _with_chain(preset: Preset, chain: Sequence[Source], windows: Sequence[int]) -> Preset:
    below = [Stage(source, Window(tokens)) for source, tokens in zip(chain[:-1], windows, strict=True)]
    return replace(preset, stages=(*below, preset.stages[-1]))
