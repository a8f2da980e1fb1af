"""An early exit: the target's own first layers, over the target's cache (HiSpec, arXiv 2510.01336).

Where a set has adapters, exits are where these are, and go through them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import config
from engine.architecture import Architecture
from engine.architecture.drafters import ExitsShape
from engine.architecture.stored import kept_as
from engine.architecture.weights import stored_in
from engine.config import TARGET, Preset, Stage
from engine.decoding.sources.adapted import AdaptedReader, Adapter, Adapters
from engine.decoding.sources.making import Folders, Home, Materials, Models, Own, Place, makes
from engine.decoding.sources.model import ModelReader, Placed
from engine.decoding.sources.owned import own_of, shape_of
from engine.model.drafters.exits import load_exits

if TYPE_CHECKING:  # both build on this
    from engine.decoding.graphs.level import Level
    from engine.decoding.graphs.levels import Site

ROLE = "exits"  # of the folder that holds adapters
WANTED = "early exits"


@makes(config.Exit)
class OfExit(Placed[config.Exit]):
    """What makes levels of early exits."""

    wide = 12

    @classmethod
    def fitted(cls, preset: Preset, models: Models, folders: Folders) -> Preset:
        """See Making."""
        if not any(isinstance(stage.source, config.Exit) for stage in preset.stages):
            return preset
        target = models[TARGET].architecture
        return at_exits(preset, exits_of(folders, target), target.layers, adapted=ROLE in folders)

    def detail(self, models: Models) -> str:
        """See Making."""
        return f"{self.place(models).depth} of {models[TARGET].layers} layers"

    def about(self, own: Own) -> str:
        """See Making."""
        adapters = _adapters(own)
        return f"{adapters.at(self.source.depth).depth} of {adapters.layers} layers, and one taught to it"

    def place(self, models: Models) -> Place:
        """See Making."""
        return Place(TARGET, max(1, round(self.source.depth * models[TARGET].layers)))

    def taps(self, own: Own | None) -> Collection[int]:
        """See Making."""
        return () if own is None else (_adapters(own).at(self.source.depth).depth,)

    def memory(self, folder: Path, home: Home) -> int:
        """See Making."""
        shape = shape_of(ExitsShape, folder, home.target, WANTED)
        return shape.bytes(kept_as(stored_in(folder)), home.holding, home.room)

    def load(self, folder: Path, home: Home) -> Adapters:
        """See Making."""
        shape = shape_of(ExitsShape, folder, home.target, WANTED)
        loaded = load_exits(folder, shape, home.models[TARGET], home.holding)
        return Adapters({depth: Adapter(model, depth, home.room) for depth, model in loaded.items()}, shape.layers)

    def part(self, own: Own) -> Adapter:
        """See Making."""
        return _adapters(own).at(self.source.depth)

    def recorded(self, site: Site) -> Level:
        """See Making."""
        if not self.source.adapted:
            return super().recorded(site)
        from engine.decoding.graphs.adapting import adapted  # which builds on this room

        return adapted(site, self.part(site.ground.own[ROLE]))

    def reader(self, materials: Materials, stage: Stage, index: int) -> ModelReader:
        """See Making."""
        if not self.source.adapted:
            return super().reader(materials, stage, index)
        return AdaptedReader(self.part(materials.own[ROLE]), materials, stage, index)


def _adapters(own: Own) -> Adapters:
    return own_of(Adapters, {ROLE: own}, ROLE)


def exits_of(folders: Folders, target: Architecture) -> tuple[int, ...]:
    """Return after how many layers ``target`` can be left early, rising: where the set in ``folders`` has adapters.

    Without any, where the model was trained for it. Raises CheckpointError for adapters that cannot be read.
    """
    if ROLE not in folders:
        return target.exits
    return shape_of(ExitsShape, folders[ROLE], target, WANTED).depths


def at_exits(preset: Preset, exits: Sequence[int], layers: int, *, adapted: bool = False) -> Preset:
    """Return ``preset`` with its early exits after the nearest of ``exits`` layers, those the model was trained for.

    ``adapted``: those that adapters are behind. Each serves one level, lower ones lower levels; a level for which none
    is left is left out. A model that names no exits is read where the preset says. Doing it twice is doing it once.
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
            stages.append(replace(stage, source=config.Exit(reached / layers, adapted)))
    return replace(preset, stages=tuple(stages))
