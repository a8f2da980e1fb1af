"""Levels that compute everything as they would and say what was planted: acceptance at a rate of one's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from engine.config import Preset
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.levels import Ground, levels_of

UNSAID = -80.0  # a logit that is never drawn


@dataclass(frozen=True, slots=True, eq=False)
class PlantedLevel(Level):
    """A level that computes its logits and says ``planted`` [rows, columns] instead."""

    planted: Tensor

    def logits(self, hidden: Tensor, idle: Tensor | None = None) -> Tensor:
        """See Level.logits."""
        computed = Level.logits(self, hidden, idle)
        return self.planted[: len(hidden), : computed.shape[1]].contiguous()


def planted_levels(
    rates: Sequence[float],
) -> Callable[[Preset, Ground], list[Level]]:
    """Return what makes levels of which each keeps ``rates[i]`` of the one below: i.i.d., judged one by one.

    Level 0 always says token 0. Level i says what the one below it would with probability rates[i - 1], else token i.
    """

    def levels(preset: Preset, ground: Ground) -> list[Level]:
        law = [1.0]
        planted: list[Level] = []
        for index, level in enumerate(levels_of(preset, ground)):
            if index:
                rate = rates[min(index, len(rates)) - 1]
                law = [rate * p for p in law] + [1 - rate]
            planted.append(_plant(level, law) if level.stage.source.passes else level)
        return planted

    return levels


def _plant(level: Level, law: Sequence[float]) -> PlantedLevel:
    raw = level.slot.laws.raw
    row = torch.full((raw.shape[1],), UNSAID, dtype=raw.dtype, device=raw.device)
    row[: len(law)] = torch.tensor(law, device=raw.device).clamp(min=1e-30).log().to(raw.dtype)
    given = {field.name: getattr(level, field.name) for field in fields(level)}
    return PlantedLevel(**given, planted=row.expand(16, -1).contiguous())
