"""From a preset to its levels on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeVar, cast

from engine.config import TARGET, Preset, Role, Stage, guessers
from engine.decoding.graphs.intake import Intake
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.slots import Slots
from engine.decoding.graphs.stack import Stack
from engine.decoding.sources import Models, Own, Place, making, places
from engine.model.decode import TOKENS

I = TypeVar("I", bound=Intake)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Ground:
    """What levels stand on: the models, each level's memory, and what sources loaded for themselves, by role.

    ``rings``: those of the target that all chains fill, because a reply may turn to one that counts on them.
    ``intakes``: what keeps up to date each part of that which levels read, one for all chains.
    """

    stacks: Mapping[Role, Stack]
    slots: Slots
    own: Mapping[Role, Own] = field(default_factory=dict)
    rings: frozenset[int] = frozenset()
    intakes: dict[Own, Intake] = field(default_factory=dict)

    def intake(self, part: Own, make: Callable[[], I]) -> I:
        """Return what keeps ``part`` of what a source loaded up to date, made when first asked for."""
        if part not in self.intakes:
            self.intakes[part] = make()
        return cast("I", self.intakes[part])

    @property
    def models(self) -> Models:
        """The models, by role."""
        return {role: stack.model for role, stack in self.stacks.items()}


@dataclass(frozen=True, slots=True)
class Site:
    """Where level ``index`` of a preset is to stand.

    ``stages``: of the preset, the bottom first; ``places``: what each of its levels reads. ``taps``: after how many
    layers of the target some of them read states beside that.
    """

    ground: Ground
    stages: Sequence[Stage]
    index: int
    places: Sequence[Place | None]
    taps: frozenset[int] = frozenset()

    @property
    def guessing(self) -> int:
        """How many of the stages guess."""
        return guessers(self.stages)

    @property
    def guessed(self) -> int:
        """The most tokens any of them proposes."""
        return max(stage.window.tokens for stage in self.stages[: self.guessing])

    def _unseen(self, role: Role) -> bool:
        """Tell whether it may be asked to guess before a pass of ``role`` above has seen what others proposed."""
        judges = zip(self.places[self.guessing :], self.stages[self.guessing :], strict=True)
        before = [stage for _, stage in takewhile(lambda each: each[0] is None or each[0].role != role, judges)]
        return len(before) == len(self.stages) - self.guessing or any(stage.window.tokens > 1 for stage in before)

    @property
    def stage(self) -> Stage:
        """The level's own stage."""
        return self.stages[self.index]

    def reading(self, place: Place) -> Level:
        """Return a level that reads a model at ``place``."""
        stack = self.ground.stacks[place.role]
        here = {each.depth for each in self.places if each and each.role == place.role}
        below = self.places[self.index - 1] if self.index else None
        if self.guessing > 1 and self.index <= self.guessing:  # what was proposed may be another's
            below = None
        above = self.places[self.index + 1 :]
        others = self.guessed if self.stage.fallback and self._unseen(place.role) else 0
        exits = tuple(sorted((here - {stack.model.layers}) | (self.taps if place.role == TARGET else set())))
        stack.make_rings(exits)
        return Level(
            self.index,
            self.stage,
            stack,
            self.ground.slots[self.index],
            place.depth,
            lower=below.depth if below and below.role == place.role else 0,
            exits=exits,
            # A pass of this stack brings its lower levels up to date; one of another leaves its bonus token behind.
            behind=min(1 + others + sum(each is None or each.role != place.role for each in above), TOKENS),
        )


def levels_of(preset: Preset, ground: Ground) -> list[Level]:
    """Return the levels of ``preset``, the bottom first.

    Raises NotRecorded for a source that only runs operation by operation.
    """
    found, taps = places(preset, ground.models), ground.rings | taps_of(preset, ground.own)
    sites = [Site(ground, preset.stages, index, found, taps) for index in range(len(preset.stages))]
    return [making(site.stage.source).recorded(site) for site in sites]


def taps_of(preset: Preset, own: Mapping[Role, Own]) -> frozenset[int]:
    """Return after how many layers of the target sources of ``preset`` read states; ``own``: what they loaded."""
    sources = [stage.source for stage in preset.stages if stage.source.of == TARGET]
    kept = [None if source.own is None else own[source.own] for source in sources]
    return frozenset(depth for source, each in zip(sources, kept, strict=True) for depth in making(source).taps(each))


def rings_of(preset: Preset, ground: Ground) -> frozenset[int]:
    """Return after how many layers of the target its levels count on what passes before have left in a ring."""
    target = ground.models[TARGET]
    exits = {place.depth for place in places(preset, ground.models) if place and place.role == TARGET}
    return taps_of(preset, ground.own) | exits - {target.layers}
