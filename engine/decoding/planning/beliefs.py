"""What is believed of the levels of one model on one machine, and how rounds change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from engine.config import TARGET, Exit, Model, Source
from engine.decoding.planning.agreement import Agreements
from engine.decoding.planning.copies import Copies, paying
from engine.decoding.planning.costs import Costs, Kind
from engine.decoding.planning.search import Chain, Reach, worth_of
from engine.decoding.planning.value import Cost, Guess, Judge, worth
from engine.events import Round, Token

REST = 0.98  # of what rounds took beside their passes, that is remembered a round
HELD_UP = 2.0  # times as long as usual that a round counts at most: another program took the machine meanwhile
USUAL = 8.0  # rounds of a chain that outweigh what others take beside their passes
KEPT = 0.998  # of what rounds brought, beside what was expected, that is remembered a round
PROVEN = 100.0  # rounds of a chain that outweigh the trust that it brings what is expected: fewer tell of luck
COPIED = 7  # tokens of a copy where something else guesses if there is none


@dataclass(slots=True)
class Beliefs:
    """What passes cost, how often levels agree, how often there is something to copy, and what rounds take besides.

    ``picky``: copies are made only as far as they pay (see goodput); else the whole window. ``reach``: see World.
    ``beside``: for the levels of a chain, what its rounds took and what their passes did, both fading; ``came``: how
    many tokens they brought, and how many were expected.
    """

    costs: Costs
    agreements: Agreements = field(default_factory=Agreements)
    copies: Copies = field(default_factory=Copies)
    picky: bool = True
    reach: Reach = Reach()  # noqa: RUF009 - frozen
    beside: dict[tuple[Source, ...], list[float]] = field(default_factory=dict)
    came: dict[tuple[Source, ...], list[float]] = field(default_factory=dict)
    _expected: dict[Chain, float] = field(default_factory=dict)

    def learn(self, round_: Round, levels: Sequence[Source], chain: Chain) -> None:
        """Learn from a round of ``chain``; ``levels``: those that its tokens' numbers speak of."""
        previous = -1
        for number, made in enumerate(round_.passes):
            source = levels[made.level]
            if made.kind == "draft" and chain.guessers:
                kind: Kind = "further" if made.level == previous else "first"
                if source.passes:
                    self.costs.observe(source, None, kind, 0, made.seconds)
            elif not chain.guessers:
                self.costs.observe(source, None, "judge", 1, made.seconds)
            else:
                below = _shared(source, _below(chain, source))
                self.costs.observe(source, below, "judge", made.tokens, made.seconds)
                self._agree(number, made.level, round_.tokens, levels, chain)
            previous = made.level
        if round_.tokens and chain in self._expected:
            both = self.came.setdefault(chain.sources, [0.0, 0.0])
            both[:] = KEPT * both[0] + len(round_.settled), KEPT * both[1] + self._expected[chain]
        spent = sum(made.seconds for made in round_.passes)
        if spent > 0:
            took = min(round_.seconds, HELD_UP * self._besides(chain) * spent)
            both = self.beside.setdefault(chain.sources, [0.0, 0.0])
            both[:] = REST * both[0] + took, REST * both[1] + spent

    def _agree(self, number: int, level: int, tokens: Sequence[Token], levels: Sequence[Source], chain: Chain) -> None:
        """Count what pass ``number``, of that ``level``, kept of what it judged."""
        judged = [token for token in tokens if number in token.passes[1:]]
        if not judged:
            return
        judge = levels[level]
        low = levels[judged[0].level] if judge == chain.judges[0] else _below(chain, judge)
        at = next((i for i, token in enumerate(judged) if token.rejected_by == level), None)
        if chain.guessers and low == chain.guessers[-1] and judge == chain.judges[0]:
            self.agreements.lasted(low, len(judged), chain.windows[0], len(judged) if at is None else at)
        if low is not None and low.passes:
            self.agreements.learn(low, judge, len(judged) if at is None else at, fell=at is not None)

    def pace(self, chain: Chain, hope: float = 0.0) -> float:
        """Return the seconds a token takes with ``chain``; ``hope``: see View."""
        worth = worth_of(chain, View(self, hope))
        if not hope:
            self._expected[chain] = worth.tokens
        return worth.pace * self._besides(chain) / self._proven(chain)

    def expect(self, chain: Chain) -> None:
        """Note how many tokens a round of ``chain`` should bring, which comes to work."""
        if chain not in self._expected:
            self.pace(chain)

    def _proven(self, chain: Chain) -> float:
        """Return how many times as many tokens as expected rounds of ``chain`` brought; 1 until that is known."""
        came, expected = self.came.get(chain.sources, (0.0, 0.0))
        doubt = PROVEN * self._expected.get(chain, 1.0)
        return (came + doubt) / (expected + doubt)

    def _besides(self, chain: Chain) -> float:
        """Return how many times as long as its passes a round of ``chain`` takes: as measured, or as others do."""
        took, passes = map(sum, zip(*self.beside.values(), strict=True)) if self.beside else (1.0, 1.0)
        own, own_passes = self.beside.get(chain.sources, (0.0, 0.0))
        weight = USUAL * passes / max(len(self.beside), 1) * (1 - REST)
        return (own + weight * took / passes) / (own_passes + weight) if own_passes + weight else 1.0


@dataclass(slots=True)
class View:
    """Beliefs as a search sees them; ``hope``: levels agree by so many standard errors more often than is known."""

    beliefs: Beliefs
    hope: float = 0.0
    _shares: dict[tuple[Source, Source], tuple[float, ...]] = field(default_factory=dict)
    _costs: dict[tuple[Source, Source | None], Cost] = field(default_factory=dict)

    @property
    def reach(self) -> Reach:
        """See World."""
        return self.beliefs.reach

    def guesses(self, guessers: Sequence[Source], window: int, judge: Source) -> Sequence[Guess]:
        """See World."""
        ways, rest = list[Guess](), 1.0
        if not guessers[0].passes:
            worthwhile = self.copying(guessers, window, judge)
            for copy in self.beliefs.copies.ways():
                if n := worthwhile(copy.shares):
                    ways.append(Guess({n: 1.0}, _nothing, copy.shares, copy.chance))
                    rest -= copy.chance
        return [*ways, *(replace(way, chance=rest * way.chance) for way in self._otherwise(guessers, window, judge))]

    def copying(self, guessers: Sequence[Source], window: int, judge: Source) -> Callable[[Sequence[float]], int]:
        """Return what tells how many tokens are copied that hold so likely, by place; see Goodput and Turns."""
        most, cost = COPIED if len(guessers) > 1 else window, self.cost(judge, None)
        if not self.beliefs.picky:
            return lambda _: most
        other = worth(self._otherwise(guessers, window, judge), [Judge(cost)])
        return lambda shares: paying(shares, most, cost, 1 / other.pace)

    def _otherwise(self, guessers: Sequence[Source], window: int, judge: Source) -> list[Guess]:
        """Return in which ways it is guessed where nothing is copied: by their length, where that tells how sure."""
        *_, last = guessers
        if not last.passes:
            return [Guess({0: 1.0}, _nothing, ())]
        agreements, seconds = self.beliefs.agreements, self.beliefs.costs.guessing(last)
        shares, lengths = self.agreement(last, judge), agreements.lengths(last, window)
        if last not in agreements.stopping:
            return [Guess(lengths, seconds, shares)]
        apart = ((n, chance, agreements.apart(last, shares, n, window)) for n, chance in lengths.items())
        return [Guess({n: 1.0}, seconds, own, chance) for n, chance, own in apart]

    def cost(self, judge: Source, below: Source | None) -> Cost:
        """See World."""
        key = judge, _shared(judge, below)
        if key not in self._costs:
            self._costs[key] = self.beliefs.costs.judging(*key)
        return self._costs[key]

    def agreement(self, low: Source, high: Source) -> Sequence[float]:
        """See World."""
        if (low, high) not in self._shares:
            self._shares[low, high] = self.beliefs.agreements.shares(low, high, self.hope)
        return self._shares[low, high]


def _nothing(_: int) -> float:
    return 0.0


def _below(chain: Chain, judge: Source) -> Source | None:
    """Return the level below ``judge``; of those that guess in turns the last."""
    at = chain.sources.index(judge)
    return chain.sources[at - 1] if at else None


def _shared(judge: Source, below: Source | None) -> Source | None:
    """Return ``below`` if it is an early exit from whose states ``judge`` goes on, which makes its passes cheaper."""
    return below if isinstance(below, Exit) and (isinstance(judge, Exit) or judge == Model(TARGET)) else None
