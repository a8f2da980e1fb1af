"""An early exit: the target's own first layers, over the target's cache (HiSpec, arXiv 2510.01336)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine import config
from engine.config import TARGET, Preset
from engine.decoding.sources.making import Models, Place, makes
from engine.decoding.sources.model import Placed


@makes(config.Exit)
class OfExit(Placed[config.Exit]):
    """What makes levels of early exits."""

    @classmethod
    def fitted(cls, preset: Preset, models: Models) -> Preset:
        """See Making."""
        target = models[TARGET]
        return at_exits(preset, target.architecture.exits, target.layers)

    def detail(self, models: Models) -> str:
        """See Making."""
        return f"{self.place(models).depth} of {models[TARGET].layers} layers"

    def place(self, models: Models) -> Place:
        """See Making."""
        return Place(TARGET, max(1, round(self.source.depth * models[TARGET].layers)))


def at_exits(preset: Preset, exits: Sequence[int], layers: int) -> Preset:
    """Return ``preset`` with its early exits after the nearest of ``exits`` layers, those the model was trained for.

    Each serves one level, lower ones lower levels; a level for which none is left is left out. A model that names no
    exits is read where the preset says. Doing it twice is doing it once.
    """
    if not exits:
        return preset
    stages, reached = [], 0
    for stage in preset.stages:
        if not isinstance(stage.source, config.Exit):
            stages.append(stage)
            continue
        wanted = stage.source.depth * layers
        above = [depth for depth in exits if depth > reached]
        if above:
            reached = min(above, key=lambda depth: abs(depth - wanted))
            stages.append(replace(stage, source=config.Exit(reached / layers)))
    return replace(preset, stages=tuple(stages))
