"""From a preset to the nested drafters it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine import config
from engine.config import Preset, Role, Stage
from engine.decoding.goodput import Goodput
from engine.decoding.hierarchy import Autoregressive, Drafter, Verifier
from engine.decoding.laws import Sampler
from engine.decoding.lookup import Lookup
from engine.decoding.trunk import Exit, Trunk
from engine.events import LevelInfo
from engine.model import Transformer

Trunks = Mapping[Role, Trunk]


def build(preset: Preset, trunks: Trunks, sampler: Sampler, vocabulary: int, goodput: Goodput | None = None) -> Drafter:
    """Return the top of the chain ``preset`` describes, cutting the target's trunk at the exits it uses.

    ``goodput``: what tells a lookup how many tokens pay; None: as many as asked.
    """
    trunks["target"].cut(exits_of(preset, trunks["target"].model.layers))
    bottom, *judges = preset.stages
    chain: Drafter
    if isinstance(bottom.source, config.Lookup):
        chain = Lookup(bottom.source, bottom.window, 0, goodput)
    else:
        chain = Autoregressive(_level(bottom, 0, trunks, sampler, vocabulary), bottom.window, sampler)
    for index, stage in enumerate(judges, start=1):
        level = _level(stage, index, trunks, sampler, vocabulary)
        tau = stage.acceptance.tau if stage.acceptance.rule == "fuzzy" else None
        chain = Verifier(level, chain, stage.window, sampler, tau=tau, bonus=stage.bonus)
    return chain


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


def exits_of(preset: Preset, layers: int) -> tuple[int, ...]:
    """Return after how many of ``layers`` layers the target is read, rising, the full depth last."""
    depths = {depth_of(stage.source, layers) for stage in preset.stages if isinstance(stage.source, config.Exit)}
    return tuple(sorted(depths | {layers}))


def depth_of(source: config.Exit, layers: int) -> int:
    """Return after how many of ``layers`` layers ``source`` is read."""
    return max(1, round(source.depth * layers))


def _level(stage: Stage, index: int, trunks: Trunks, sampler: Sampler, vocabulary: int) -> Exit:
    source = stage.source
    if isinstance(source, config.Lookup):
        raise TypeError("a lookup has no laws of its own, so it can only be the bottom of a chain")
    if isinstance(source, config.Model):
        trunk = trunks[source.role]
        return Exit(trunk, len(trunk.spans) - 1, vocabulary, sampler, index, trimmed=stage.trimmed)
    trunk = trunks["target"]
    stops = [span.stop for span in trunk.spans]
    span = stops.index(depth_of(source, trunk.model.layers))
    return Exit(trunk, span, vocabulary, sampler, index, trimmed=stage.trimmed)


def asked(preset: Preset) -> tuple[int, ...]:
    """Return the windows of ``preset``: how many tokens each level below the top is to hand up at a time."""
    return tuple(stage.window.tokens for stage in preset.stages[:-1])


def describe(preset: Preset, models: Mapping[Role, Transformer], windows: Sequence[int]) -> tuple[LevelInfo, ...]:
    """Return the levels of ``preset`` in words, bottom first; ``windows`` are those they run with, the top has none."""
    top = len(preset.stages) - 1
    levels = [_info(stage, index, top, models) for index, stage in enumerate(preset.stages)]
    sizes = zip([*windows, 0], [*asked(preset), 0], strict=True)
    return tuple(replace(level, window=window, asked=wish) for level, (window, wish) in zip(levels, sizes, strict=True))


def _info(stage: Stage, index: int, top: int, models: Mapping[Role, Transformer]) -> LevelInfo:
    source = stage.source
    if isinstance(source, config.Lookup):
        return LevelInfo("Lookup", f"{source.shortest} to {source.longest} tokens", "lookup")
    layers = models["target"].layers
    if isinstance(source, config.Exit):
        title = "Draft" if index == 0 else "Intermediate"
        return LevelInfo(title, f"{depth_of(source, layers)} of {layers} layers", "exit")
    model = models[source.role]
    title = "Target" if index == top else source.role.capitalize()
    return LevelInfo(title, f"{model.layers} layers, {_count(model.parameters)}", "model")


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.0f} M"
