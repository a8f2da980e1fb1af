"""Which levels a planned preset has to choose from, and its chains as presets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from engine.config import PRESETS, Block, Exit, Head, Model, ModelSet, Preset, Source, Stage, Window
from engine.decoding.planning.beliefs import COPIED
from engine.decoding.planning.search import Chain

FIRST = ("draft", "qualifier")  # the order of smaller models; others come behind them
EXITS = (Exit(1 / 8), Exit(1 / 4))  # which a checkpoint moves to the depths it was trained for


def gathered(preset: Preset, models: ModelSet, *, exits: int, inner: Sequence[Source] = ()) -> Preset:
    """Return ``preset`` with every level that ``models`` have, bottom first; the target has so many ``exits``.

    ``inner``: what guesses below a smaller model alone, where that pays.
    """
    if not preset.gathers:
        return preset
    drafters = [
        Stage(source, Window(4), fallback=True) for source in (Head(), Block(), *inner) if source.own in models.models
    ]
    early = [Stage(source, Window(3), trimmed=True) for source in EXITS[:exits]]
    roles = [role for role in (*FIRST, *sorted(models.smaller - set(FIRST))) if role in models.models]
    smaller = [Stage(Model(role), Window(4), trimmed=at == 0) for at, role in enumerate(roles)]
    *lowest, target = preset.stages
    return replace(preset, stages=(*lowest, *drafters, *early, *smaller, target))


def without(preset: Preset, sources: Collection[Source]) -> Preset:
    """Return ``preset`` without the levels of ``sources``; the target stays."""
    *below, target = preset.stages
    return replace(preset, stages=(*(stage for stage in below if stage.source not in sources), target))


def preset_of(whole: Preset, chain: Chain) -> Preset:
    """Return ``chain`` as a preset, its levels otherwise as those of ``whole`` are."""
    if not chain.guessers:
        return PRESETS["plain"]
    stages = {stage.source: stage for stage in whole.stages}
    turns = len(chain.guessers)
    widths = [*[COPIED] * (turns - 1), *chain.windows, 1]
    made = tuple(
        replace(stages[source], window=replace(stages[source].window, tokens=tokens), fallback=0 < at < turns)
        for at, (source, tokens) in enumerate(zip(chain.sources, widths, strict=True))
    )
    return replace(whole, stages=made, planned=False, gathers=False)


def bottoms_of(levels: Sequence[Source], *, mixed: bool) -> list[tuple[Source, ...]]:
    """Return what can guess below a judge: each level but the target; ``mixed``: each behind one that copies, too."""
    passing = [(source,) for source in levels[:-1] if source.passes]
    copying = [(source,) for source in levels[:-1] if not source.passes]
    return [*passing, *copying, *(copy + one for copy in copying for one in passing if mixed)]
