"""From a preset to its levels on the device."""

from __future__ import annotations

from collections.abc import Mapping

from engine.config import Preset, Role, Stage
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.slots import Slots
from engine.decoding.graphs.stack import Stack
from engine.decoding.sources import Place, places
from engine.errors import SettingError


def levels_of(preset: Preset, stacks: Mapping[Role, Stack], slots: Slots) -> list[Level | None]:
    """Return the levels of ``preset``, the bottom first; None stands for one that proposes without any device.

    Raises SettingError for a source that no recording knows.
    """
    found = places(preset, {role: stack.model for role, stack in stacks.items()})
    return [_level(stage, index, found, stacks, slots) for index, stage in enumerate(preset.stages)]


def _level(
    stage: Stage, index: int, places: list[Place | None], stacks: Mapping[Role, Stack], slots: Slots
) -> Level | None:
    here = places[index]
    if here is None:
        if stage.source.passes:
            raise SettingError(f"{stage.source.title(bottom=True, top=False)} cannot be recorded.", "Use --eager.")
        return None
    stack = stacks[here.role]
    below = places[index - 1] if index else None
    exits = tuple(sorted({place.depth for place in places if place and place.role == here.role} - {stack.model.layers}))
    stack.make_rings(exits)
    return Level(
        index,
        stage,
        stack,
        slots[index],
        here.depth,
        lower=below.depth if below and below.role == here.role else 0,
        exits=exits,
        # A pass of this stack brings its lower levels up to date; one of another model leaves its bonus token behind.
        behind=1 + sum(place is None or place.role != here.role for place in places[index + 1 :]),
    )
