"""A world with true costs and agreements, in which a pilot plans replies by rounds that dice decide. No model.

What passes take and how often levels agree is planted. The planner sees rounds alone, as it does in a session, and its
clock is the world's: so what choosing costs, and how soon it has settled, can be told.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise

from engine.config import TARGET, Lookup, Model, Preset, Source, Stage
from engine.decoding.planning.beliefs import COPIED, Beliefs, View
from engine.decoding.planning.copies import copy_behind
from engine.decoding.planning.costs import Costs
from engine.decoding.planning.course import Course
from engine.decoding.planning.pilot import Pilot, readers_of
from engine.decoding.planning.planner import Planner
from engine.decoding.planning.rehearsal import LONGER, RECORDED, ROUNDS, TEXT, untimed
from engine.decoding.planning.search import Chain
from engine.events import Pass, PassKind, Round, Token

TOP = Model(TARGET)
PLAIN = Chain((), (TOP,))
GOOD, BAD = "good", "bad"  # the text of a copied token: whether the target writes it as well
IDS = count()
THOUGHT = 1e-4  # seconds
LONGEST = 2000  # tokens that a reply may get, as far as the pilot knows
Told = list[tuple[Chain, Round]]


@dataclass
class Reality:
    """What passes over one position take, and how often levels agree by place; bottom first, the target last.

    ``wider``: what a pass takes more for each further position, as a share of one over one; or (positions, times as
    long) of some widths. ``drafting``: seconds of the first pass that guesses and of those that follow, of levels that
    do so in another way than they judge. ``beside``: seconds a round takes beside its passes. ``reading``: what reading
    a token of a text takes, as a share of a pass; ``launching``: seconds a text takes the target at least, and smaller
    models less by what their passes take less. ``turn``: seconds of turning to another chain; ``noise``: how far
    seconds scatter; ``load``: what they are multiplied by at a moment. ``mood``: agreement is so many times as likely
    in what is written now; ``text``: what the target writes at a position. ``recorded``: chains have to be recorded, a
    round begins ahead, and copies are always as long as the window.
    """

    costs: Mapping[Source, float]
    shares: Mapping[tuple[Source, Source], Sequence[float]]
    wider: float | Sequence[tuple[int, float]] = 0.1
    drafting: Mapping[Source, tuple[float, float]] = field(default_factory=dict)
    beside: float = 0.0
    reading: float = 0.0
    launching: float = 0.0
    turn: float = 0.0
    noise: float = 0.08
    seed: int = 1
    load: Callable[[float], float] = lambda _: 1.0
    mood: float = 1.0
    text: Callable[[int], int] = lambda at: at
    recorded: bool = False
    seconds: float = 0.0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def factor(self, positions: int) -> float:
        """Return how many times as long as over one position a pass takes over so many."""
        if isinstance(self.wider, float | int):
            return 1 + self.wider * (positions - 1)
        points = [(1, 1.0), *self.wider]
        (a, x), (b, y) = next((pair for pair in pairwise(points) if pair[1][0] >= positions), (points[-2], points[-1]))
        return x + (y - x) * (positions - a) / (b - a)

    def planner(self) -> Planner:
        """Return one that knows how large the models are, and what the rounds take that are run before a reply."""
        sizes = {source: cost * (1.3 if source.kind == "model" else 1) for source, cost in self.costs.items()}
        wider = self.factor(2) - 1
        planner = Planner(Beliefs(Costs(TOP, sizes, wider=wider), picky=not self.recorded))
        for _ in range(2 if self.recorded else 1):  # what is shown to pay is timed as well
            course = Course.of(planner, self.whole, recorded=self.recorded)
            levels = [stage.source for stage in course.whole.stages]
            for chain in untimed(course):
                self._rehearsed(chain, planner, levels)
            planner.reconsider()
        return planner

    def _rehearsed(self, chain: Chain, planner: Planner, levels: Sequence[Source]) -> None:
        """Let ``planner`` know what some rounds of ``chain`` take, and reading for it."""
        tape = list(TEXT * LONGER[self.recorded])
        for source in readers_of(chain):
            reads = {source: 1 if self.recorded else len(tape)}
            planner.beliefs.costs.read(reads, self._reads(source, len(tape)))
        for _ in range(RECORDED if self.recorded else ROUNDS):
            round_ = Making(self, levels, planner.beliefs, chain, tape).round(0)
            planner.beliefs.learn(replace(round_, tokens=()), levels, chain)

    @property
    def whole(self) -> Preset:
        """All its levels."""
        stages = tuple(Stage(source, fallback=at > 0 and not source.judges) for at, source in enumerate(self.costs))
        return Preset("auto", "Auto", "", stages, planned=True)

    def reply(self, planner: Planner, tokens: int, prompt: int = 50) -> Told:
        """Return the rounds of a reply of at least ``tokens``, and the chain of each."""
        course = Course.of(planner, self.whole, recorded=self.recorded)
        tape = [self.text(at) for at in range(prompt)]
        read = dict.fromkeys(self.costs, 0)

        def behind(chain: Chain) -> dict[Source, int]:
            return {source: len(tape) - read[source] for source in (*readers_of(chain), TOP)}

        thinking = count()  # which takes a little at every look at the clock

        def clock() -> float:
            return self.seconds + THOUGHT * next(thinking)

        pilot = Pilot.of(course, behind, lambda: prompt + LONGEST - len(tape), clock)
        self._read(pilot.chain, read, len(tape))
        found, turning = Told(), None  # the chain that still has a round under way
        while len(tape) < prompt + tokens:
            chain = turning or pilot.chain
            round_ = Making(self, pilot.levels, planner.beliefs, chain, tape).round(len(found))
            found.append((chain, round_))
            read |= dict.fromkeys(chain.sources, len(tape))
            if turning is not None:
                pilot.passed(round_, turning)
            elif not pilot.after(round_, tape):
                continue
            elif self.recorded and len(chain.judges) == 1:
                turning = chain  # a round of it has begun
                continue
            turning = None
            self.seconds += self.turn
            self._read(pilot.chain, read, len(tape))
        pilot.end()
        return found

    def fixed(self, chain: Chain, beliefs: Beliefs, tokens: int, prompt: int = 50) -> Told:
        """Return the rounds of a reply that ``chain`` writes; ``beliefs``: what is known of copying, which goes on."""
        tape, found, levels = [self.text(at) for at in range(prompt)], Told(), list(self.costs)
        self._read(chain, dict.fromkeys(self.costs, 0), len(tape))
        beliefs.copies.begin()
        while len(tape) < prompt + tokens:
            round_ = Making(self, levels, beliefs, chain, tape).round(len(found))
            beliefs.learn(round_, levels, chain)
            if isinstance(chain.sources[0], Lookup):
                beliefs.copies.look(tape, chain.sources[0])
            found.append((chain, round_))
        return found

    def _read(self, chain: Chain, read: dict[Source, int], upto: int) -> None:
        """Let the models of ``chain`` read what they have not, up to ``upto`` tokens."""
        for source in chain.sources:
            if source.passes and upto > read[source] + 16 * self.recorded:
                self.seconds += self._reads(source, upto - read[source]) * self.load(self.seconds)
            read[source] = upto

    def _reads(self, source: Source, tokens: int) -> float:
        """Return the seconds ``source`` takes to read so many tokens."""
        least = self.launching * self.costs[source] / self.costs[TOP]
        return max(self.reading * self.costs[source] * tokens, least)


class Making:
    """A round of ``chain`` in the making, behind ``tape``."""

    def __init__(
        self, reality: Reality, levels: Sequence[Source], beliefs: Beliefs, chain: Chain, tape: list[int]
    ) -> None:
        self.reality, self.tape, self.chain, self.levels, self.beliefs = reality, tape, chain, levels, beliefs
        self.passes, self.tokens = list[Pass](), list[Token]()

    def round(self, index: int) -> Round:
        """Make it; the tape grows."""
        start = self.reality.seconds
        stood = self._produced(len(self.chain.judges) - 1, 0)
        self.tape += [self.reality.text(len(self.tape) + i) for i in range(stood)]
        self.reality.seconds += self.reality.beside * self.reality.load(start)
        return Round(index, tuple(self.tokens), tuple(self.passes), "", start, self.reality.seconds - start)

    def _pass(self, source: Source, kind: PassKind, positions: int) -> None:
        real = self.reality
        took = real.costs[source] * real.factor(positions)
        if kind == "draft" and source in real.drafting:
            first = not self.passes or self.passes[-1].level != self.levels.index(source)
            took = real.drafting[source][0 if first else 1]
        took *= real.dice.lognormvariate(0, real.noise) * real.load(real.seconds)
        self.passes.append(Pass(self.levels.index(source), kind, positions, real.seconds, took))
        real.seconds += took

    def _write(self, source: Source, text: str = "") -> None:
        level = self.levels.index(source)
        told = ((level, 0.5),), (), (len(self.passes) - 1,)
        self.tokens.append(Token(next(IDS), text, level, level, None, False, *told))

    def _guessed(self, stands: int) -> int:
        """Let the chain guess behind ``stands`` tokens of this round; return how many."""
        for source in self.chain.guessers:
            if source.passes:
                for _ in range(self.chain.windows[0]):
                    self._pass(source, "draft", 1)
                    self._write(source)
                return self.chain.windows[0]
            if isinstance(source, Lookup) and (copy := self._copied(source, stands)):
                self.passes.append(Pass(self.levels.index(source), "draft", 0, self.reality.seconds, 1e-9))
                at = len(self.tape) + stands
                for i in range(len(copy)):
                    good = all(copy[j] == self.reality.text(at + j) for j in range(i + 1))
                    self._write(source, GOOD if good else BAD)
                return len(copy)
        return 0

    def _copied(self, source: Lookup, stands: int) -> list[int]:
        """Return what is copied behind ``stands`` tokens of this round, as far as it pays."""
        written = [*self.tape, *(self.reality.text(len(self.tape) + i) for i in range(stands))]
        most = COPIED if len(self.chain.guessers) > 1 else self.chain.windows[0]
        length, copy = copy_behind(written, source, most)
        if not self.beliefs.picky:
            return copy
        worthwhile = View(self.beliefs).copying(self.chain.guessers, self.chain.windows[0], self.chain.judges[0])
        return copy[: worthwhile(self.beliefs.copies.shares(length))]

    def _produced(self, at: int, stands: int) -> int:
        """Let the judge of that number produce its window behind ``stands`` tokens; return how many it hands up."""
        total, top = 0, at == len(self.chain.judges) - 1
        while True:
            n = self._produced(at - 1, stands + total) if at else self._guessed(stands + total)
            total += self._judged(at, n)
            if top or total >= self.chain.windows[at + 1]:
                return total

    def _judged(self, at: int, n: int) -> int:
        """Let the judge of that number judge the last ``n`` tokens that stand; return how many stand then."""
        judge, standing = self.chain.judges[at], [i for i, token in enumerate(self.tokens) if not token.ghost]
        self._pass(judge, "verify", n + 1)
        level, kept = self.levels.index(judge), 0
        for place, i in enumerate(standing[len(standing) - n :]):
            token = self.tokens[i]
            writer = self.chain.judges[at - 1] if at else self.levels[token.level]
            told = replace(token, judged=(*token.judged, (level, 0.5)), passes=(*token.passes, len(self.passes) - 1))
            if kept < place:
                self.tokens[i] = replace(told, discarded=True)
            elif self._agree(writer, judge, place, token.text):
                kept += 1
                self.tokens[i] = replace(told, reached=level)
            else:
                self.tokens[i] = replace(told, rejected_by=level)
        self._write(judge)
        return kept + 1

    def _agree(self, writer: Source, judge: Source, place: int, text: str) -> bool:
        if text:
            return text == GOOD
        shares, mood = self.reality.shares[writer, judge], self.reality.mood
        return self.reality.dice.random() < min(mood * shares[min(place, len(shares) - 1)], 0.99)
