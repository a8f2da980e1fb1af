"""A world with true costs and agreements, in which a pilot plans replies by rounds that dice decide."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from engine.config import TARGET, Lookup, Model, Preset, Source, Stage
from engine.decoding.planning.beliefs import COPIED, Beliefs, View
from engine.decoding.planning.copies import copy_behind, paying
from engine.decoding.planning.costs import Costs
from engine.decoding.planning.course import Course
from engine.decoding.planning.pilot import Pilot
from engine.decoding.planning.planner import Planner
from engine.decoding.planning.search import Chain
from engine.events import Pass, PassKind, Round, Token

TOP = Model(TARGET)
PLAIN = Chain((), (TOP,))
GOOD, BAD = "good", "bad"  # the text of a copied token: whether the target writes it as well
IDS = count()
THOUGHT = 1e-4  # seconds


@dataclass
class Reality:
    """What passes over one position take, ``wider`` more for each further one, and how often levels agree by place.

    ``turn``: what turning to another chain takes; ``noise``: how far seconds scatter; ``load``: what they are
    multiplied by at a moment; ``text``: what the target writes at a position.
    """

    costs: Mapping[Source, float]
    shares: Mapping[tuple[Source, Source], Sequence[float]]
    wider: float = 0.1
    turn: float = 0.0
    noise: float = 0.08
    seed: int = 1
    load: Callable[[float], float] = lambda _: 1.0
    text: Callable[[int], int] = lambda at: at
    seconds: float = 0.0
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def planner(self) -> Planner:
        """Return one that knows nothing but about how large the models are."""
        sizes = {source: cost * (1.3 if source.kind == "model" else 1) for source, cost in self.costs.items()}
        return Planner(Beliefs(Costs(TOP, sizes, wider=self.wider)))

    def reply(self, planner: Planner, tokens: int, prompt: int = 50) -> list[tuple[Chain, Round]]:
        """Return the rounds of a reply of at least ``tokens``, and the chain of each."""
        stages = tuple(Stage(source, fallback=at > 0 and not source.judges) for at, source in enumerate(self.costs))
        course = Course.of(planner, Preset("auto", "Auto", "", stages, planned=True), recorded=False)
        tape = [self.text(at) for at in range(prompt)]
        read = dict.fromkeys(self.costs, 0)

        def behind(chain: Chain) -> int:
            return len(tape) - min(read[source] for source in chain.sources)

        thinking = count()  # which takes a little at every look at the clock
        pilot = Pilot.of(course, behind, lambda: self.seconds + THOUGHT * next(thinking))
        found = list[tuple[Chain, Round]]()
        while len(tape) < prompt + tokens:
            chain, round_ = pilot.chain, Making(self, pilot, tape).round(len(found))
            found.append((chain, round_))
            read |= dict.fromkeys(chain.sources, len(tape))
            if pilot.after(round_, tape):
                self.seconds += self.turn
        pilot.end()
        return found


class Making:
    """A round in the making, of what ``pilot`` planned, behind ``tape``."""

    def __init__(self, reality: Reality, pilot: Pilot, tape: list[int]) -> None:
        self.reality, self.tape, self.chain, self.levels = reality, tape, pilot.chain, pilot.levels
        self.beliefs = pilot.planner.beliefs
        self.passes, self.tokens = list[Pass](), list[Token]()

    def round(self, index: int) -> Round:
        """Make it; the tape grows."""
        start = self.reality.seconds
        stood = self._produced(len(self.chain.judges) - 1, 0)
        self.tape += [self.reality.text(len(self.tape) + i) for i in range(stood)]
        return Round(index, tuple(self.tokens), tuple(self.passes), "", start, self.reality.seconds - start)

    def _pass(self, source: Source, kind: PassKind, positions: int) -> None:
        real = self.reality
        took = real.costs[source] * (1 + real.wider * (positions - 1)) * real.dice.lognormvariate(0, real.noise)
        took *= real.load(real.seconds)
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
        kinds = self.beliefs.copies.ways()
        shares = kinds[max(0, min(length.bit_length() - 2, len(kinds) - 1))].shares
        return copy[: paying(shares, most, View(self.beliefs).cost(self.chain.judges[0], None))]

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
        shares = self.reality.shares[writer, judge]
        return self.reality.dice.random() < shares[min(place, len(shares) - 1)]
