"""Runs presets over a target whose layers come over the bus: its passes layer by layer, those below it recorded.

A pass of the target takes tenths of a second, and as long for a hundred tokens as for one. So its windows are wide, and
what fills them has to be quick: the models below it, which stay on the GPU, are a set of their own, and whatever method
they make up is recorded like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from engine.account import WIDE_CHUNK
from engine.config import PRESETS, TARGET, Head, InnerHead, Model, Preset, Role, Sampling, Source, Stage, Window
from engine.decoding.breadth import Breadth
from engine.decoding.eager import EagerRunner, PlainStep
from engine.decoding.facts import Fact, Judged
from engine.decoding.frequent import FrequentTokens
from engine.decoding.graphs.chain import GraphChain
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.levels import Ground, levels_of
from engine.decoding.graphs.runner import GraphRunner, MakeLevels
from engine.decoding.graphs.stack import TAIL
from engine.decoding.hierarchy import Drafter, Verifier
from engine.decoding.sources import Materials, Own, making
from engine.decoding.tape import Tape
from engine.decoding.trunk import Trunk
from engine.model import Transformer
from engine.model.decode import refusal
from engine.model.wide import Wide

PLANNED = 48  # tokens of the widest window below the target where a planner chose it
TOGETHER = 4  # layers between two words about a prompt; Stop takes effect there, too
Part = tuple[Transformer, FrequentTokens | None]


class StreamedRunner(EagerRunner):
    """The models of a session, each with a cache of fixed room; the target's layers come over the bus."""

    chunk = WIDE_CHUNK  # prompt tokens for which every layer comes once
    adapts = True  # whether windows below the target are narrower where that pays

    def __init__(
        self,
        device: torch.device,
        vocabulary: int,
        room: int,
        make_levels: MakeLevels | None = None,
        make_wide: Callable[[Transformer, int], Wide] = Wide,
    ) -> None:
        """``room``: the most tokens of a conversation; benchmarks make levels, and what runs the target, themselves."""
        super().__init__(device, vocabulary)
        self.room, self._make_levels, self._make_wide = room, make_levels or lower_levels, make_wide
        self._breadths: dict[Preset, Breadth] = {}
        self._parts: dict[Role, Part] = {}
        self._wide: Wide | None = None
        self._below: GraphRunner | None = None  # of the models below the target

    @property
    def models(self) -> Mapping[Role, Transformer]:
        """The models loaded so far."""
        return {role: model for role, (model, _) in self._parts.items()}

    def held(self, preset: Preset) -> int:
        """Return how many tokens of the conversation every model of ``preset`` still holds."""
        lower = self._lowered(preset)
        if lower is None:
            self._need_trunks(preset)
            return super().held(preset)
        return min(super().held(PRESETS["plain"]), self.recorded.held(lower))

    def left(self, preset: Preset) -> Mapping[Source, int]:
        """See EagerRunner."""
        lower = self._lowered(preset)
        if lower is None:
            self._need_trunks(preset)
            return super().left(preset)
        named: dict[Source, Source] = {Model(TARGET): Model(self._largest), Head(): InnerHead(self._largest)}
        below = {named.get(each, each): tokens for each, tokens in self.recorded.left(lower).items()}
        return {**below, **super().left(PRESETS["plain"])}

    def context(self, role: Role) -> int:
        """Return the most tokens the model of ``role`` may hold."""
        return min(self.room, self._parts[role][0].context)

    def add(self, role: Role, model: Transformer, frequent: FrequentTokens | None) -> None:
        """Take in a model; raises ValueError with the reason where our kernels cannot run it."""
        if reason := refusal(model):
            raise ValueError(reason)
        self._parts[role] = model, frequent
        if role == TARGET:
            self._wide = self._make_wide(model, self.context(role)) if model.device.type == "cuda" else None
            self._trunks[role] = Trunk(model, frequent, self._wide)
        else:
            self._below = None  # another may be the largest of them now

    def add_own(self, role: Role, own: Own) -> None:
        """Take in what a source loaded for itself; what reads the largest of the models below is theirs."""
        super().add_own(role, own)
        if self._below is not None:
            self._lend(self._below)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, in every model."""
        super().rewind(length)
        if self._below is not None:
            self._below.rewind(length)

    def prepare(self, *presets: Preset) -> Iterator[float]:
        """Record what lies below the target in ``presets``; yields the fraction done."""
        lowered = [lower for preset in presets if (lower := self._lowered(preset))]
        if lowered:  # of several, what is not recorded is left out, even where one of them alone has models below
            yield from self.recorded.prepare(*lowered, *([PRESETS["plain"]] if len(presets) > 1 else []))

    def ready(self, preset: Preset) -> bool:
        """Tell whether ``preset`` can be set to work without loading or recording anything."""
        own = {stage.source.own for stage in preset.stages} - {None}
        if not preset.whole <= self._parts.keys() or not own <= self._own.keys():
            return False
        lower = self._lowered(preset)
        return lower is None or self.recorded.ready(lower)

    def begin(self, tape: Tape, sampling: Sampling, *presets: Preset) -> None:
        """Begin a reply on ``tape`` that may turn from one of ``presets`` to another."""
        super().begin(tape, sampling, *presets)
        if self._wide is not None:
            self._wide.dense_to = len(tape) - 1 - TAIL
        lowered = [lower for preset in presets if (lower := self._lowered(preset))]
        if lowered:
            self.recorded.begin(tape, sampling, *lowered)

    def reading(self, tape: Sequence[int], upto: int) -> Iterator[float]:
        """Bring the target to ``upto`` tokens of a prompt, which no chain's ``prefill`` has to do then.

        Yields the share done whenever TOGETHER layers have come.
        """
        trunk = self._trunks[TARGET]
        for layers in trunk.advancing(len(trunk.spans) - 1, tape, upto, TOGETHER):
            if self.device.type == "cuda":
                torch.cuda.current_stream(self.device).synchronize()  # or all would be said of what is only asked for
            yield layers / trunk.model.layers

    def chains(self, preset: Preset) -> tuple[Drafter, PlainStep]:
        """Return ``preset`` at work on the reply that was begun, and plain decoding over the same caches."""
        lower = self._lowered(preset)
        if lower is None:
            self._need_trunks(preset)
            return super().chains(preset)
        top, window = preset.stages[-1], self._window(preset)
        chain, _ = self.recorded.chains(lower)
        plain = super().chains(PRESETS["plain"])[1]  # which cuts the target's trunk as this method does
        materials = Materials(self._trunks, self._sampler, self.vocabulary)
        reader = making(top.source).reader(materials, top, len(preset.stages) - 1)
        breadth = self._breadths.setdefault(lower, Breadth()) if self.adapts else None
        below = Below(self.recorded, chain, window, breadth)
        return Verifier(reader, below, top.window, self._sampler, bonus=top.bonus), plain

    def _window(self, preset: Preset) -> Window:
        """Return the window below the target; that of a plan is a first thought, which ``Breadth`` may widen."""
        window, usual = preset.stages[-2].window, PRESETS.get(preset.name)
        planned = usual is not None and usual.planned and self.adapts
        return replace(window, tokens=max(window.tokens, PLANNED)) if planned else window

    @property
    def recorded(self) -> GraphRunner:
        """What records the models below the target, of which the largest stands for theirs."""
        if self._below is None:
            self._below = GraphRunner(self.device, self.vocabulary, self.room, self._make_levels)
            for role, part in self._parts.items():
                if role != TARGET:
                    self._below.add(TARGET if role == self._largest else role, *part)
            self._lend(self._below)
        return self._below

    def _lend(self, below: GraphRunner) -> None:
        """Let the head of the largest model below be the head of the target that stands for it there."""
        inner = InnerHead(self._largest).own
        if inner in self._own:
            below.add_own(Head().own, self._own[inner])

    @property
    def _largest(self) -> Role:
        below = {role: model.parameters for role, model in self.models.items() if role != TARGET}
        return max(below, key=lambda role: below[role])

    def _lowered(self, preset: Preset) -> Preset | None:
        """Return what lies below the target as a method of the models there; None where levels read the target."""
        stages = preset.stages[:-1]
        if not stages or stages[-1].fallback or not isinstance(stages[-1].source, Model):
            return None
        if not preset.lossless or not all(self._is_apart(stage.source) for stage in stages):
            return None
        *lower, last = (self._renamed(stage) for stage in stages)
        # What it hands up is counted above: whatever that is, one recording serves.
        return replace(preset, stages=(*lower, replace(last, window=replace(last.window, tokens=1))))

    def _is_apart(self, source: Source) -> bool:
        """Tell whether a level has nothing to do with the target's layers."""
        if isinstance(source, InnerHead):
            return source.of == self._largest
        return TARGET not in source.whole if source.whole else not source.passes

    def _renamed(self, stage: Stage) -> Stage:
        source = stage.source
        if isinstance(source, Model) and source.role == self._largest:
            return replace(stage, source=Model(TARGET))
        return replace(stage, source=Head()) if isinstance(source, InnerHead) else stage

    def _need_trunks(self, preset: Preset) -> None:
        """Let models that levels of ``preset`` read have trunks, where they run operation by operation."""
        for role in preset.whole - self._trunks.keys():
            self._trunks[role] = Trunk(*self._parts[role])


def lower_levels(preset: Preset, ground: Ground) -> list[Level]:
    """Return levels whose passes reach back by the token that the target writes behind theirs."""
    return [replace(level, behind=level.behind + 1) if level.behind else level for level in levels_of(preset, ground)]


class Below(Drafter):
    """All that is below a target: what a recorded chain of other models writes by itself. Levels keep their numbers.

    ``breadth``: how wide windows pay, up to what was asked for; None: always as wide as that.
    """

    def __init__(self, runner: GraphRunner, chain: GraphChain, window: Window, breadth: Breadth | None) -> None:
        self._runner, self._chain, self._window, self._breadth = runner, chain, window, breadth

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        """Append rounds of the chain until the window is full; the last one may overshoot."""
        most, began = self._window.tokens, time.perf_counter()
        enough = mark + (most if self._breadth is None else self._breadth.window(most))
        while True:
            self._chain.way.ahead = len(tape) + 1 < enough
            yield from self._chain.draft(tape)
            if tape.full or len(tape) >= enough:
                break
        if self._breadth is not None:
            self._breadth.drafted(len(tape) - mark, time.perf_counter() - began)

    def judged(self, fact: Judged) -> None:
        """Learn from the verdict on what was produced last."""
        if self._breadth is not None:
            self._breadth.judged(fact.proposed, fact.kept, fact.seconds)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of all its models to ``upto`` tokens."""
        self._chain.prefill(tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, and what was begun behind them."""
        self._runner.rewind(length)
        self._chain.rewind(length)
