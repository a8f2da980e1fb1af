"""Runs presets as recordings: what a session uses on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from engine.account import GPU
from engine.config import PRESETS, Model, Preset, Role, Sampling, Source
from engine.decoding.chain import asked
from engine.decoding.frequent import FrequentTokens
from engine.decoding.graphs.capture import free_dropped
from engine.decoding.graphs.chain import GraphChain, PlainStep
from engine.decoding.graphs.device import Device
from engine.decoding.graphs.intake import Intake
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.levels import Ground, levels_of, rings_of
from engine.decoding.graphs.stack import Stack
from engine.decoding.sources import NotRecorded, Own, making, parts
from engine.decoding.tape import Tape
from engine.model import Transformer
from engine.model.decode import TOKENS, refusal

LITTLE = 2 * TOKENS  # of a text, that are run again so that who is not at work can go along
KEPT = 4  # chains whose recordings are kept: the last ones used, plain decoding among them


MakeLevels = Callable[[Preset, Ground], list[Level]]


class GraphRunner:
    """The models of a session, each with a cache of fixed room, and the chains recorded over them."""

    chunk = GPU.chunk

    def __init__(self, device: torch.device, vocabulary: int, room: int, make_levels: MakeLevels = levels_of) -> None:
        """``vocabulary``: how many tokens there are to choose from; ``room``: the most of one conversation.

        ``make_levels``: benchmarks make levels of their own.
        """
        self.device, self.vocabulary, self.room, self._make_levels = device, vocabulary, room, make_levels
        self._stacks: dict[Role, Stack] = {}
        self._own: dict[Role, Own] = {}
        self._chains: dict[Preset, GraphChain] = {}
        self._intakes: dict[Own, Intake] = {}
        self._kept: list[Intake] = []  # of any chain that the reply may turn to
        self._rings = frozenset[int]()  # that chains fill between which a reply may turn
        self._shared: Device | None = None

    @property
    def models(self) -> Mapping[Role, Transformer]:
        """The models loaded so far."""
        return {role: stack.model for role, stack in self._stacks.items()}

    def held(self, preset: Preset) -> int:
        """Return how many tokens of the conversation every model of ``preset`` still holds."""
        own = [each.held for each in parts(preset, self._own)]
        return min([*(self._stacks[role].held for role in preset.whole), *own])

    def left(self, preset: Preset) -> Mapping[Source, int]:
        """Return how many tokens each level of ``preset`` that reads holds, and the models they read.

        That is when all can go on: where states are gone that one needs, its model has to run them again.
        """
        found: dict[Source, int] = {Model(role): self._stacks[role].held for role in preset.whole}
        for source in (stage.source for stage in preset.stages):
            if source.own in self._own:
                part, model = making(source).part(self._own[source.own]), Model(source.of)
                found[source], intake = part.held, self._intakes.get(part)
                if intake and intake.again:
                    found[model] = min(found.get(model, part.held), part.held)
        return found

    def context(self, role: Role) -> int:
        """Return the most tokens the model of ``role`` may hold."""
        return self._stacks[role].room

    def add(self, role: Role, model: Transformer, frequent: FrequentTokens | None) -> None:
        """Take in a model; raises ValueError with the reason where our kernels cannot run it."""
        if reason := refusal(model):
            raise ValueError(reason)
        self._stacks[role] = Stack(model, frequent, min(self.room, model.context))
        if self._shared is None:
            self._shared = Device(self.device, self.room, self.vocabulary, model.dtype)

    def add_own(self, role: Role, own: Own) -> None:
        """Take in what a source loaded for itself."""
        self._own[role] = own

    def rewind(self, length: int) -> None:
        """Count on no more than ``length`` tokens, in every model."""
        for stack in self._stacks.values():
            stack.rewind(length)
        for own in self._own.values():
            own.rewind(length)

    def prepare(self, *presets: Preset) -> Iterator[float]:
        """Record what ``presets`` and the comparison with plain decoding need; yields the fraction done.

        A reply may turn from each of several to the others: all fill the rings that any of them reads. Not while a
        reply is under way: recording writes on the tape and into the caches, at their very end, where few conversations
        reach. Of several those are left out that only run operation by operation; raises NotRecorded for a single one.
        """
        ground = Ground(self._stacks, self._device.slots, self._own, intakes=self._intakes)
        if len(presets) > 1:
            self._rings = self._rings.union(*(rings_of(preset, ground) for preset in presets))
            ground = replace(ground, rings=self._rings)
        wanted = dict.fromkeys((PRESETS["plain"], *presets))
        found = {preset: self._recorded(preset, ground.rings) for preset in wanted}
        alone = len(presets) == 1  # and to be as fast as it can: steps that a narrower window leaves out cost launches
        lacking = [p for p, known in found.items() if not known or (alone and known[0].preset.stages != p.stages)]
        new = list[GraphChain]()
        for preset in lacking:
            try:
                new.append(GraphChain(preset, self._make_levels(preset, ground), self._device))
            except NotRecorded:
                if alone:
                    raise
                del wanted[preset]
        for done, chain in enumerate(new):
            end = max(0, chain.room - 2 * TOKENS)
            self.rewind(end)
            for fraction in chain.record(self._device.recorder, end):
                yield (done + fraction) / len(new)
            self._chains[chain.preset] = chain
        for preset in wanted:
            chain = self._chain(preset)
            self._chains[chain.preset] = self._chains.pop(chain.preset)  # used last
        while len(self._chains) > max(KEPT, len(wanted)):
            del self._chains[next(iter(self._chains))]
        free_dropped()

    def ready(self, preset: Preset) -> bool:
        """Tell whether ``preset`` can be set to work without recording anything."""
        return bool(self._recorded(preset))

    def windows(self, preset: Preset) -> tuple[int, ...]:
        """Return how many tokens each level below the top of ``preset``, once recorded, hands up at a time."""
        return self._chain(preset).windows(preset) if self.ready(preset) else asked(preset)

    def reading(self, _tape: Sequence[int], _upto: int) -> Iterator[float]:
        """Do nothing: a chunk of a prompt takes no time worth telling of."""
        return iter(())

    def begin(self, tape: Tape, sampling: Sampling, *presets: Preset) -> None:
        """Begin a reply on ``tape`` that may turn from one of ``presets`` to another."""
        self._device.begin(tape, sampling)
        for stack in self._stacks.values():
            stack.close_taps()
            stack.begin()
        chains = [self._chain(preset) for preset in presets if self.ready(preset)]
        self._kept = list(dict.fromkeys(intake for chain in chains for intake in chain.intakes))

    def chains(self, preset: Preset) -> tuple[GraphChain, PlainStep]:
        """Return ``preset`` at work on the reply that was begun, and plain decoding over the same caches.

        What reads taps in chains that the reply may turn to goes along, so that it never falls far behind; but for
        what has fallen behind already, for which the target would have to run much again. That waits for its chain.
        """
        chain = self._chain(preset)
        self._device.turn()
        chain.narrow(preset)
        plain = self._chains[PRESETS["plain"]]
        plain.beside = []  # who went along with it in an earlier reply may be no part of this one
        for intake in chain.intakes:
            intake.open()
        chain.beside = []
        for intake in self._kept:
            if intake not in chain.intakes and intake.again <= LITTLE:
                intake.open()
                chain.beside.append(intake)
        return chain, PlainStep(chain, plain)

    def open(self, preset: Preset, tape: Tape, sampling: Sampling) -> GraphChain:
        """Return ``preset``, recorded and at work on ``tape``: prepare, begin and chains in one."""
        for _ in self.prepare(preset):
            pass
        self.begin(tape, sampling, preset)
        return self.chains(preset)[0]

    def _recorded(self, preset: Preset, rings: frozenset[int] = frozenset()) -> list[GraphChain]:
        """Return the chains that can run ``preset`` and fill ``rings``: of its own windows first, then wider ones."""
        fit = [chain for chain in self._chains.values() if rings <= chain.fills and chain.covers(preset)]
        return sorted(fit, key=lambda chain: (chain.preset.stages != preset.stages, asked(chain.preset)))

    def _chain(self, preset: Preset) -> GraphChain:
        return (self._recorded(preset, self._rings) or self._recorded(preset))[0]

    @property
    def _device(self) -> Device:
        if self._shared is None:
            raise RuntimeError("no model was added yet")
        return self._shared
