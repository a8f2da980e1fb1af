"""Names the chain to go on with, after every round of a reply: what is worth most, or worth finding out about.

Another chain must promise clearly more than the one at work, with gains that are uncertain discounted; plain decoding
is gone back to as soon as guessing loses, for the rest of the reply. What is not at work is tried for a few rounds now
and then, where it would pay if it agreed as often as can be hoped; all such trials together may cost a small share of
the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.config import Lookup, Preset, Source
from engine.decoding.planning.beliefs import View
from engine.decoding.planning.course import Course
from engine.decoding.planning.gathering import preset_of
from engine.decoding.planning.planner import ALLOWANCE, CAUTION, GAIN, HOPE, Planner
from engine.decoding.planning.reasons import UNKNOWN, chain_in_words, reason
from engine.decoding.planning.search import Chain, refined, worth_of
from engine.events import Planned, Round

LOST = 0.99  # what plain decoding must promise, as a share of the time the present chain takes
SHARE = 0.01  # of the time, that trials may cost
TRIAL = 5  # rounds of a trial
SOONEST = 2  # rounds of a trial after which it may be given up
DWELL = 6  # rounds between two trials, and between two changes of mind
WARM = 3  # rounds before anything is tried, where nothing is known of the target
NEARLY = 16  # tokens that a model reads on the way
THINKING, STUDY = 0.01, 3.0  # of the time, beside so many rounds at first
Behind = Callable[[Chain], Mapping[Source, int]]


@dataclass(slots=True)
class Trial:
    """A chain that is run to find out about it; ``pace``: what a token takes with the one that waits."""

    home: Chain
    pace: float
    rounds: int = 0
    seconds: float = 0.0
    tokens: int = 0


@dataclass(slots=True)
class Pilot:
    """Plans one reply, which begins with ``chain``.

    ``chains``: those it may run, plain decoding among them. ``whole``: all levels, of which its rounds speak.
    ``free``: windows may change at any time, which recordings do not allow. ``behind``: how many tokens each level of a
    chain has yet to read, the target among them: again, where another needs what is gone; ``left``: how many the reply
    may still get. ``clock``: seconds, by which thinking is kept short.
    """

    planner: Planner
    whole: Preset
    chains: Sequence[Chain]
    free: bool
    behind: Behind
    left: Callable[[], int]
    clock: Callable[[], float]
    chain: Chain
    trial: Trial | None = None
    _rounds: int = 0  # of this reply
    _since: int = 0  # the last change
    _tokens: int = 0  # of this reply
    _prompt: int = 0  # tokens that had to be read for it
    _left: float | None = None  # when it was turned to another chain
    _unread: Mapping[Source, int] = field(default_factory=dict)  # what this one had to read then, see _reading

    @classmethod
    def of(cls, course: Course, behind: Behind, left: Callable[[], int], clock: Callable[[], float]) -> Pilot:
        """Begin to plan a reply on ``course``."""
        planner = course.planner
        planner.begin()
        plain = next(chain for chain in course.chains if not chain.guessers)
        found = cls(planner, course.whole, course.chains, not course.recorded, behind, left, clock, plain)
        found._prompt = sum(behind(plain).values())
        found.chain = min(course.chains, key=found._promise)
        found._unread = found._reading(found.chain)
        return found

    def read(self, seconds: float) -> None:
        """Learn how long it took to read the prompt."""
        self.planner.beliefs.costs.read(self._unread, seconds)

    def _promise(self, chain: Chain) -> float:
        """Return what a token is thought to take with ``chain`` from now on, what it has yet to read included.

        What is uncertain about it is held against it, unless it was best before.
        """
        best = self.planner.best
        known = best is not None and best.sources == chain.sources
        pace = self.planner.beliefs.pace(chain, 0.0 if known else CAUTION) * (GAIN if known else 1.0)
        return pace + self._catching_up(chain) / self._ahead

    def after(self, round_: Round, tape: Sequence[int]) -> bool:
        """Learn from a round that has left ``tape``; return whether another ``chain`` is to go on from there."""
        planner, now = self.planner, self.clock()
        if self._left is not None:  # it was turned: what that took beside the round
            self._turned(max(now - self._left - round_.seconds, 0.0))
        planner.beliefs.expect(self.chain)
        planner.beliefs.learn(round_, self.levels, self.chain)
        self._rounds, self._since = self._rounds + 1, self._since + 1
        self._count(round_)
        before = self.chain
        lookup = next((source for source in self.levels if isinstance(source, Lookup)), None)
        if lookup is not None:
            planner.beliefs.copies.look(tape, lookup)
        if self.trial is not None:
            self._tried(self.trial, round_)
        elif planner.thought <= THINKING * planner.elapsed + STUDY * round_.seconds:
            began = self.clock()
            self._consider()
            planner.thought += self.clock() - began
        self._left = None
        if self.chain != before:
            self._left, self._unread = self.clock(), self._reading(self.chain)
        return self._left is not None

    def passed(self, round_: Round, former: Chain) -> None:
        """Learn from a round that the ``former`` chain had begun when another was named, which begins behind it."""
        planner = self.planner
        planner.beliefs.learn(round_, self.levels, former)
        self._count(round_)
        self._left = self.clock()

    def _count(self, round_: Round) -> None:
        """Count a round, whoever wrote it."""
        self._tokens += len(round_.settled)
        self.planner.rounds += 1
        self.planner.elapsed += round_.seconds
        self._pay(-SHARE * round_.seconds)

    def _consider(self) -> None:
        """Think where there is reason to."""
        if self._rounds >= WARM and self._since >= SOONEST and self.planner.beliefs.costs.known:
            self._think()

    def _turned(self, seconds: float) -> None:
        """Learn what a turn took, which is paid for like a trial: most are part of one."""
        planner = self.planner
        if self._unread:
            planner.beliefs.costs.read(self._unread, max(seconds - planner.turning, 0.0))
        else:
            planner.turning = planner.turning + (seconds - planner.turning) / 3 if planner.turning else seconds
        self._pay(seconds)

    @property
    def levels(self) -> Sequence[Source]:
        """Where the laws of all levels come from, bottom first."""
        return [stage.source for stage in self.whole.stages]

    @property
    def preset(self) -> Preset:
        """The chain to go on with."""
        return preset_of(self.whole, self.chain)

    @property
    def presets(self) -> tuple[Preset, ...]:
        """All the chains it may name."""
        return tuple(preset_of(self.whole, chain) for chain in self.chains)

    def end(self) -> None:
        """End the reply; a trial under way is paid for and decides nothing."""
        if self._tokens:
            self.planner.ended(self._tokens, self._prompt)
        if self.trial is not None:
            self._pay(max(self.trial.seconds - self.trial.tokens * self.trial.pace, 0.0))
            self.trial = None

    def planned(self, token: int) -> Planned:
        """Return what is planned from ``token`` of the reply on."""
        beliefs, levels = self.planner.beliefs, self.levels
        working = tuple(levels.index(source) for source in self.chain.sources)
        words, guessing = chain_in_words(self.chain), len(self.chain.guessers)
        if not beliefs.costs.timed(levels[-1]):
            return Planned(token, words, working, None, None, UNKNOWN, guessing)
        pace = beliefs.pace(self.chain)
        why = reason(self.chain, beliefs, trial=self.trial is not None)
        return Planned(token, words, working, beliefs.pace(self.plain) / pace, 1 / pace, why, guessing)

    def timed(self, seconds: float) -> None:
        """Learn what a step of plain decoding took that was made beside the reply."""
        self.planner.beliefs.costs.observe(self.levels[-1], None, "judge", 1, seconds)

    @property
    def plain(self) -> Chain:
        """Plain decoding."""
        return next(chain for chain in self.chains if not chain.guessers)

    def _think(self) -> None:
        """Turn to a chain that promises clearly more, or try one that might."""
        beliefs = self.planner.beliefs
        plain = beliefs.pace(self.plain)
        if self.planner.purse is None:
            self.planner.purse = ALLOWANCE * plain
        now = beliefs.pace(self.chain)
        if self.chain.guessers and plain < LOST * now:
            self._turn(self.plain)
            now = plain
        if self._since < DWELL and self._rounds > DWELL:
            return
        options = [self._fitted(chain) for chain in self.chains if chain.sources != self.chain.sources]
        if self.free and self.chain.guessers:
            options.append(self._fitted(self.chain))
        if options:
            best = min(options, key=lambda chain: beliefs.pace(chain, CAUTION) + self._catching_up(chain) / self._ahead)
            if beliefs.pace(best, CAUTION) + self._catching_up(best) / self._ahead < GAIN * now:
                self._turn(best)
                return
        self._try(options, now)

    def _fitted(self, chain: Chain) -> Chain:
        """Return ``chain`` with the windows that suit what is believed, where they may change."""
        return refined(chain, View(self.planner.beliefs))[1] if self.free and chain.guessers else chain

    def _turn(self, chain: Chain) -> None:
        self.chain, self._since = chain, 0
        if chain.guessers:  # what is hard to guess in this reply may not be in the next
            self.planner.best = chain

    def _try(self, options: Sequence[Chain], now: float) -> None:
        """Begin a trial of the most hopeful of ``options``, if any is worth what it may cost."""
        beliefs = self.planner.beliefs
        hopeful = [(beliefs.pace(chain, HOPE), chain) for chain in options if self.planner.may_try(chain)]
        for hoped, chain in sorted(hopeful, key=lambda option: option[0]):
            if hoped >= GAIN * now:
                return
            if chain.sources != self.chain.sources and self._price(chain, now) <= (self.planner.purse or 0.0):
                self.trial = Trial(self.chain, now)
                self.chain, self._since = chain, 0
                return

    def _price(self, chain: Chain, now: float) -> float:
        """Return what a trial of ``chain`` is thought to cost in seconds, beside what its tokens would take anyway."""
        worth = worth_of(chain, View(self.planner.beliefs, CAUTION))
        turns = 2 * self.planner.turning + self._catching_up(chain)
        return TRIAL * max(worth.seconds - now * worth.tokens, 0.0) + turns

    def _catching_up(self, chain: Chain) -> float:
        """Return the seconds it takes until the levels of ``chain`` have read what they have not, or not kept."""
        costs = self.planner.beliefs.costs
        return sum(tokens * costs.reading(source) for source, tokens in self._reading(chain).items())

    def _reading(self, chain: Chain) -> dict[Source, int]:
        """Return how many tokens each level of ``chain`` has to read first; few are read on the way.

        Where passes are recorded what is read below the target counts as one: a GPU takes as long for few as for many.
        """
        behind = {source: tokens for source, tokens in self.behind(chain).items() if tokens >= NEARLY}
        return {source: tokens if self.free or source == self.levels[-1] else 1 for source, tokens in behind.items()}

    @property
    def _ahead(self) -> float:
        """The tokens on which what is read for a chain has to pay."""
        return max(min(self.planner.length, self.left()), 1.0)

    def _pay(self, seconds: float) -> None:
        if self.planner.purse is not None:
            self.planner.purse -= seconds

    def _tried(self, trial: Trial, round_: Round) -> None:
        """Go on with a trial, or end it: stay with what was tried, if it promises clearly more."""
        trial.rounds += 1
        trial.seconds += round_.seconds
        trial.tokens += len(round_.settled)
        beliefs = self.planner.beliefs
        hopeless = trial.rounds >= SOONEST and beliefs.pace(self.chain, HOPE) > GAIN * trial.pace
        if trial.rounds < TRIAL and not hopeless:
            return
        self._pay(max(trial.seconds - trial.tokens * trial.pace, 0.0))
        self.trial, self._since = None, 0
        well = beliefs.pace(self.chain) < GAIN * beliefs.pace(trial.home)
        self.planner.tried(self.chain, well=well)
        if well:
            self.planner.best = self.chain
        else:
            self.chain = trial.home


def readers_of(chain: Chain) -> list[Source]:
    """Return the levels of ``chain`` that have to read a text beside the target."""
    return [source for source in chain.sources[:-1] if source.roles]
