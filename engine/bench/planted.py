"""Levels that compute everything as they would and say what was planted: acceptance at a rate of one's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import cast

import torch
from torch import Tensor

from engine.config import Preset
from engine.decoding.graphs.level import Level, Work
from engine.decoding.graphs.levels import Ground, levels_of
from engine.decoding.kernels import Board
from engine.model.decode import TOKENS

UNSAID = -80.0  # a logit that is never drawn


@dataclass(frozen=True, slots=True, eq=False)
class PlantedLevel(Level):
    """A level that computes its logits and says ``planted`` [rows, columns] instead."""

    planted: Tensor

    def logits(self, hidden: Tensor, idle: Tensor | None = None) -> Tensor:
        """See Level.logits."""
        computed = Level.logits(self, hidden, idle)
        return self.planted[: len(hidden), : computed.shape[1]].contiguous()


def planted_levels(rates: Sequence[float]) -> Callable[[Preset, Ground], list[Level]]:
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
            planted.append(plant(level, law) if level.stage.source.passes else level)
        return planted

    return levels


def agreeing_levels(rates: Sequence[float]) -> Callable[[Preset, Ground], list[Level]]:
    """Return what makes a drafter and a target that keeps its i-th token of a window with probability ``rates[i]``.

    The drafter works as it would and then says token 0; the target says that with these probabilities, else token 1.
    """

    def levels(preset: Preset, ground: Ground) -> list[Level]:
        *below, target = levels_of(preset, ground)
        laws = [[rate, 1 - rate] for rate in rates] if below else []
        return [*(cast("Level", Saying(drafter)) for drafter in below), plant(target, *laws, [1.0])]

    return levels


class Saying:
    """A drafter's level but for what it says, which is token 0 whatever it drew."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._steps = torch.arange(TOKENS, device=level.slot.start.device)

    def __getattr__(self, name: str) -> object:
        return getattr(self._level, name)

    def draft(self, board: Board, tokens: int, *, settle: bool, before: Work) -> None:
        """See Level.draft; the tape, which must have room for ``tokens``, and the record are written over."""
        self._level.draft(board, tokens, settle=settle, before=before)
        board.tape.index_fill_(0, self._steps[:tokens] + board.starts[:1], 0)
        self._level.slot.record.tokens.zero_()


def plant(level: Level, *laws: Sequence[float]) -> PlantedLevel:
    """Return ``level`` with a law for each row of a pass, the last one for all further rows."""
    raw = level.slot.laws.raw
    planted = torch.full((TOKENS, raw.shape[1]), UNSAID, dtype=raw.dtype, device=raw.device)
    for row in range(TOKENS):
        law = torch.tensor(laws[min(row, len(laws) - 1)], device=raw.device)
        planted[row, : len(law)] = law.clamp(min=1e-30).log().to(raw.dtype)
    given = {field.name: getattr(level, field.name) for field in fields(level)}
    return PlantedLevel(**given, planted=planted)
