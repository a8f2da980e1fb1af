"""From a preset to its levels on the device."""

from __future__ import annotations

from collections.abc import Mapping

from engine.config import Lookup, Model, Preset, Role, Stage
from engine.decoding.chain import depth_of
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.slots import Slots
from engine.decoding.graphs.stack import Stack

Place = tuple[Stack, int]  # a model, and after how many of its layers it is read


def levels_of(preset: Preset, stacks: Mapping[Role, Stack], slots: Slots) -> list[Level | None]:
    """Return the levels of ``preset``, the bottom first; None stands for a lookup, which needs no device."""
    places = [_place(stage, stacks) for stage in preset.stages]
    return [_level(preset.stages[index], index, places, slots) for index in range(len(places))]


def _place(stage: Stage, stacks: Mapping[Role, Stack]) -> Place | None:
    source = stage.source
    if isinstance(source, Lookup):
        return None
    stack = stacks[source.role if isinstance(source, Model) else "target"]
    layers = stack.model.layers
    return stack, layers if isinstance(source, Model) else depth_of(source, layers)


def _level(stage: Stage, index: int, places: list[Place | None], slots: Slots) -> Level | None:
    here = places[index]
    if here is None:
        return None
    stack, depth = here
    below = places[index - 1] if index else None
    exits = tuple(sorted({place[1] for place in places if place and place[0] is stack} - {stack.model.layers}))
    stack.make_rings(exits)
    return Level(
        index,
        stage,
        stack,
        slots[index],
        depth,
        lower=below[1] if below and below[0] is stack else 0,
        exits=exits,
        # A pass of this stack brings its lower levels up to date; one of another model leaves its bonus token behind.
        behind=1 + sum(place is None or place[0] is not stack for place in places[index + 1 :]),
    )
