"""What lasts of planning from reply to reply: beliefs, the chain that proved best, and what may be spent on trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.config import Source
from engine.decoding.planning.beliefs import Beliefs, View
from engine.decoding.planning.gathering import bottoms_of
from engine.decoding.planning.search import Chain, refined, search

GAIN = 0.95  # what another chain must promise, as a share of the time the one at work takes
CAUTION, HOPE = -0.5, 1.0  # standard errors by which levels are thought to agree less, or more, often than is known
ALLOWANCE = 8.0  # tokens of plain decoding that trials may cost at first
PATIENCE, MOST_DOUBLED = 40, 6  # rounds until a trial that failed is made again; doubled each time, so often
SOON, LATE = 10, 400  # rounds, and half of all so far, after which the list of chains is made anew
USUAL, WEIGHT = 150.0, 100.0  # tokens of a reply, before one was written, and of prompts that outweigh that
LATELY = 0.95  # of what is known of how long replies are, that still counts in the next


@dataclass(slots=True)
class Planner:
    """Plans for one set of models on one machine. ``purse``: seconds that trials may cost; None: nothing was timed."""

    beliefs: Beliefs
    best: Chain | None = None
    purse: float | None = None
    rounds: int = 0  # of all replies
    elapsed: float = 0.0  # seconds of them
    thought: float = 0.0  # seconds spent on thinking
    turning: float = 0.0  # seconds that turning to another chain takes, where it has no text to read
    replies: list[float] = field(default_factory=lambda: [USUAL * WEIGHT, WEIGHT])  # see ended
    listed: list[Chain] = field(default_factory=list)  # for the reply before
    _asked: object = None  # what the list is of
    _until: int = 0  # rounds, from which on it is made anew
    failed: dict[tuple[Source, ...], tuple[int, int]] = field(default_factory=dict)  # trials: how many, the last round

    def shortlist(self, levels: Sequence[Source], most: int, *, recorded: bool = False) -> list[Chain]:
        """Return the chains of ``levels``, bottom first, that a reply may run: at most ``most``, plain among them.

        They are what was best before, what promises most, and what would if its levels agreed as often as can be hoped.
        They are looked for anew once enough rounds have been learned from: that takes as long as some tokens.
        ``recorded``: without chains in which guessers take turns, and windows stay unless others are clearly better.
        """
        asked = tuple(levels), most, recorded
        if self._asked == asked and self.rounds < self._until:
            return self.listed
        self._asked, self._until = asked, self.rounds + max(SOON, min(self.rounds // 2, LATE))
        bottoms, judges = bottoms_of(levels, mixed=not recorded), [source for source in levels if source.judges]
        plain, beliefs = Chain((), (levels[-1],)), self.beliefs
        likely = [chain for _, chain in search(bottoms, judges, View(beliefs, CAUTION))]
        limit = GAIN * beliefs.pace(plain)
        hopeful = [chain for _, chain in search(bottoms, judges, View(beliefs, HOPE))]
        hopeful = [chain for chain in hopeful if chain.guessers and beliefs.pace(chain, HOPE) < limit]
        kept = [self.best] if self.best is not None and set(self.best.sources) <= set(levels) else []
        proven = [chain for chain in likely if chain.sources in beliefs.came and beliefs.pace(chain) < limit]
        found = {chain.sources: chain for chain in (plain, *kept, likely[0], *proven[: most - 3])}
        for chain in sorted(hopeful, key=lambda chain: len(chain.judges)):
            if len(found) < most and chain.sources not in found:
                found[chain.sources] = refined(chain, View(beliefs))[1]
        self.listed = [self._as_before(chain) if recorded else chain for chain in list(found.values())[:most]]
        return self.listed

    def _as_before(self, chain: Chain) -> Chain:
        """Return ``chain``, or the one of the same levels that was listed before unless that is clearly slower."""
        before = next((other for other in self.listed if other.sources == chain.sources), chain)
        return before if self.beliefs.pace(before) * GAIN < self.beliefs.pace(chain) else chain

    def reconsider(self) -> None:
        """Make the list anew for the next reply."""
        self._asked = None

    @property
    def timed(self) -> bool:
        """Whether any chain ever ran."""
        return bool(self.beliefs.beside)

    def begin(self) -> None:
        """Begin a reply."""
        self.beliefs.agreements.begin()
        self.beliefs.copies.begin()

    def ended(self, tokens: int, prompt: int) -> None:
        """Learn how long a reply was. Those to long prompts tell most: there it decides what reading pays."""
        self.replies = [LATELY * self.replies[0] + prompt * tokens, LATELY * self.replies[1] + prompt]

    @property
    def length(self) -> float:
        """How many tokens a reply is thought to get, from anywhere in it."""
        return self.replies[0] / self.replies[1]

    def may_try(self, chain: Chain) -> bool:
        """Tell whether a trial of ``chain`` may be made: the more of them failed, the longer it has to wait."""
        times, last = self.failed.get(chain.sources, (0, 0))
        return not times or self.rounds >= last + PATIENCE * 2 ** min(times - 1, MOST_DOUBLED)

    def tried(self, chain: Chain, *, well: bool) -> None:
        """Remember what came of a trial of ``chain``."""
        times, _ = self.failed.get(chain.sources, (0, 0))
        self.failed.pop(chain.sources, None)
        if not well:
            self.failed[chain.sources] = times + 1, self.rounds
