"""Hierarchies under a target whose layers come over the bus, agreement planted: what a round takes and brings."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import mean, median
from typing import NamedTuple, cast

import torch
from torch import Tensor

from engine.bench.drafters import DRAFTERS
from engine.bench.planted import UNSAID, Saying, plant
from engine.bench.shapes import SHAPES, random_transformer
from engine.config import PRESETS, TARGET, Model, Preset, Sampling, Stage, Window
from engine.config.sources import Head, InnerHead
from engine.decoding.breadth import best_window, expected
from engine.decoding.facts import Judged
from engine.decoding.graphs.heading import HeadLevel
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.levels import Ground
from engine.decoding.sources.head import Rows
from engine.decoding.streamed import StreamedRunner, lower_levels
from engine.decoding.tape import Tape
from engine.model import Transformer
from engine.model.linear import Linear
from engine.model.wide import Wide

MIDDLE = "llama-3.1-8b"
WIDEST = 64  # tokens of a window
ROUNDS = 12  # of a method
SETTINGS = Sampling(temperature=1.0, top_p=1.0, seed=1)


class Rates(NamedTuple):
    """How often a token of the ``middle`` level stands before the target, a head's ``below`` that, or ``alone``."""

    middle: float = 0.82
    below: float = 0.75
    alone: float = 0.6


@dataclass(frozen=True, slots=True)
class Method:
    """One way of decoding: the seconds of a round, the tokens it brought, and those to expect at such agreement."""

    name: str
    window: int
    seconds: float
    measured: float
    expected: float

    @property
    def pace(self) -> float:
        """Tokens a second to expect."""
        return self.expected / self.seconds


class PlantedWide(Wide):
    """A target that computes its logits and says ``law`` instead."""

    def __init__(self, model: Transformer, room: int, law: Sequence[float]) -> None:
        super().__init__(model, room)
        self._says = said(law, model.vocabulary, model.device)

    def read(self, hidden: Tensor, head: Linear | None = None) -> Tensor:
        """See Wide."""
        super().read(hidden, head)
        return self._says.repeat(len(hidden), 1)


def said(law: Sequence[float], vocabulary: int, device: torch.device) -> Tensor:
    """Return logits, float32 [1, vocabulary], of the first tokens with the probabilities ``law``."""
    logits = torch.full((1, vocabulary), UNSAID, device=device)
    logits[0, : len(law)] = torch.tensor(law, device=device).clamp(min=1e-30).log()
    return logits


def planted(rate: float) -> Callable[[Preset, Ground], list[Level]]:
    """Return what makes levels of which the upper keeps ``rate`` of the lower's tokens, which are all token 0."""

    def levels(preset: Preset, ground: Ground) -> list[Level]:
        made, laws = lower_levels(preset, ground), ([1.0], [rate, 1 - rate])
        return [
            cast("Level", Saying(level)) if isinstance(level, HeadLevel) else plant(level, law)
            for level, law in zip(made, laws, strict=False)
        ]

    return levels


@dataclass(frozen=True, slots=True)
class Way:
    """A hierarchy: the ``stages`` below the target but for the window of the last; what the target ``says``.

    ``rate``: how often it keeps their tokens; ``between``: how often the middle level keeps a head's.
    """

    name: str
    stages: tuple[Stage, ...]
    says: tuple[float, ...]
    rate: float
    between: float = 1.0

    def preset(self, window: int) -> Preset:
        """Return it with so wide a ``window`` below the target."""
        *lower, last = self.stages
        return Preset(self.name, "", "", (*lower, replace(last, window=Window(window)), Stage(Model(TARGET))))


def ways(rates: Rates) -> list[Way]:
    """Return the hierarchies to compare; ``rates``: see Rates."""
    keeps, between, far = rates
    middle, law = Stage(Model("qualifier")), (between, 1 - between)
    said_of_three = (*(keeps * each for each in law), 1 - keeps)
    return [
        Way(f"{MIDDLE} below", (middle,), (keeps, 1 - keeps), keeps),
        Way(
            f"a head, {MIDDLE} below", (Stage(InnerHead("qualifier"), Window(4)), middle), said_of_three, keeps, between
        ),
        Way("a head below", (Stage(Head()),), (far, 1 - far), far),
    ]


class Hierarchies:
    """The models at hand, and replies by this way or that."""

    def __init__(self, target: Transformer, rates: Rates, context: int, room: int, one: float) -> None:
        """``context``: tokens before a reply; ``one``: the seconds of the target's pass of one token."""
        self.target, self.rates, self.context, self.room, self.one = target, rates, context, room, one
        self.middle: Transformer | None = random_transformer(SHAPES[MIDDLE], target.device)
        self._heads: dict[Transformer, Rows] = {}

    def methods(self) -> Iterator[Method]:
        """Yield plain decoding and each hierarchy, with the window that suits what it costs."""
        yield self._measured(Way("plain", (), (1.0,), 0.0), PRESETS["plain"])
        for way in ways(self.rates):
            if not way.preset(1).needs.keys() & {"qualifier"}:
                self.middle, self._heads = None, {}  # whose room is another's now
            found = self._measured(way, way.preset(16))
            drafting = max(0.0, found.seconds - self.one) / found.window
            window = best_window(way.rate, self.one, drafting, WIDEST)
            yield self._measured(way, way.preset(window))

    def _measured(self, way: Way, preset: Preset) -> Method:
        """Run ROUNDS rounds of ``preset``."""
        gc.collect()
        torch.cuda.empty_cache()
        runner = self._runner(way, preset)
        context = self.context
        tape = Tape([7] * context)
        list(runner.prepare(preset))
        runner.begin(tape, SETTINGS, preset)
        chain, _ = runner.chains(preset)
        chain.prefill(tape, context - 1)
        seconds, proposed = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            facts = list(chain.draft(tape))
            seconds.append(time.perf_counter() - began)
            proposed += [fact.proposed for fact in facts[-1:] if isinstance(fact, Judged)]
        window = mean(proposed) if proposed else 0
        brought = (len(tape) - context) / ROUNDS
        return Method(way.name, round(window), median(seconds), brought, expected(way.rate, window))

    def _runner(self, way: Way, preset: Preset) -> StreamedRunner:
        target = self.target
        given = target.device, target.vocabulary, self.room
        runner = StreamedRunner(*given, planted(way.between), partial(PlantedWide, law=way.says))
        runner.adapts = False
        runner.add(TARGET, target, None)
        below = self.middle if "qualifier" in preset.roles else None
        if below is not None:
            runner.add("qualifier", below, None)
        for own in filter(None, (stage.source.own for stage in preset.stages)):
            runner.add_own(own, self._head(below or target))
        return runner

    def _head(self, model: Transformer) -> Rows:
        """Return a head of ``model``, drawn when it is first asked for."""
        if self._heads.get(model) is None:
            head = DRAFTERS["eagle3"].load(model, self.room)
            assert isinstance(head, Rows)  # noqa: S101 - an EAGLE-3 head's
            if model is self.target:  # whose levels below it no recording plants
                _plant_head(head)
            self._heads = {model: head}
        self._heads[model].rewind(0)
        return self._heads[model]


def _plant_head(rows: Rows) -> None:
    """Let a head say token 0, whatever it computes."""
    weights = rows.head.weights
    read = weights.read
    says: dict[int, Tensor] = {}

    def instead(states: Tensor) -> Tensor:
        computed = read(states)
        if not says:
            says[0] = said([1.0], computed.shape[1], computed.device)
        return says[0].repeat(len(states), 1)

    weights.read = cast("Linear", instead)
