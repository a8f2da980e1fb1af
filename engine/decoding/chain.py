"""From a preset to the nested drafters it names, and to what is said of its levels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.config import Preset, Role
from engine.decoding.fallback import Fallback
from engine.decoding.goodput import Goodput
from engine.decoding.hierarchy import Drafter, Verifier
from engine.decoding.laws import Sampler
from engine.decoding.sources import Materials, Models, Own, making, places
from engine.decoding.trunk import Trunk
from engine.events import LevelInfo

Trunks = Mapping[Role, Trunk]


def build(
    preset: Preset,
    trunks: Trunks,
    sampler: Sampler,
    vocabulary: int,
    goodput: Goodput | None = None,
    own: Mapping[Role, Own] | None = None,
) -> Drafter:
    """Return the top of the chain ``preset`` describes, cutting the trunks where its levels read them.

    ``goodput``: what tells a lookup how many tokens pay; None: as many as asked. ``own``: what sources of it loaded.
    """
    _cut(preset, trunks)
    materials = Materials(trunks, sampler, vocabulary, goodput, own or {})
    bottom, *judges = preset.stages
    chain = making(bottom.source).drafter(materials, bottom, 0)
    for index, stage in enumerate(judges, start=1):
        if index < preset.guessing:
            chain = Fallback(making(stage.source).drafter(materials, stage, index), chain, goodput)
            continue
        reader = making(stage.source).reader(materials, stage, index)
        chain = Verifier(reader, chain, stage.window, sampler, acceptance=stage.acceptance, bonus=stage.bonus)
    return chain


def _cut(preset: Preset, trunks: Trunks) -> None:
    """Cut the trunk of each model that ``preset`` reads where a level of it does."""
    models = {role: trunk.model for role, trunk in trunks.items()}
    depths: dict[Role, set[int]] = defaultdict(set)
    for place in filter(None, places(preset, models)):
        depths[place.role].add(place.depth)
    for role in preset.roles & trunks.keys():
        trunks[role].cut(sorted({*depths[role], models[role].layers}))


def asked(preset: Preset) -> tuple[int, ...]:
    """Return the windows of ``preset``: how many tokens each level below the top is to hand up at a time."""
    return tuple(stage.window.tokens for stage in preset.stages[:-1])


def describe(preset: Preset, models: Models, own: Mapping[Role, Own], windows: Sequence[int]) -> tuple[LevelInfo, ...]:
    """Return the levels of ``preset`` in words, bottom first; ``windows`` are those they run with, the top has none."""
    top = len(preset.stages) - 1
    levels = []
    for index, stage in enumerate(preset.stages):
        title = stage.source.title(bottom=index == 0, top=index == top)
        made, loaded = making(stage.source), own.get(stage.source.own or "")
        detail = made.detail(models) if loaded is None else made.about(loaded)
        guesses = index < preset.guessing or not stage.source.judges
        levels.append(LevelInfo(title, detail, stage.source.kind, guesses=guesses and index < top))
    sizes = zip([*windows, 0], [*asked(preset), 0], strict=True)
    return tuple(replace(level, window=window, asked=wish) for level, (window, wish) in zip(levels, sizes, strict=True))
