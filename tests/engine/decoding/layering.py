"""Counts which layers run for which tokens. A token is known by all tokens up to it: others in its place are others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.decoding.graphs import stack
from engine.decoding.graphs.device import Device
from engine.decoding.kernels import reference
from engine.decoding.trunk import Trunk
from engine.model import Transformer
from engine.model.decode import decode

Run = tuple[int, tuple[int, ...]]  # a layer, and the tokens up to the one that goes through it


class Runs:
    """How often tokens went through each layer, and how often one did that stood and had been through it already.

    ``work``: rows times layers that were computed, as counted at the layers themselves. Nothing is counted until it is
    ``on``.
    """

    def __init__(self) -> None:
        self.first, self.again, self.work, self.on = Counter[int](), Counter[int](), 0, False
        self._known: set[Run] = set()

    def note(self, layers: range, tape: Sequence[int], positions: range) -> None:
        """Count ``positions`` of ``tape`` through ``layers``; what was rejected meanwhile is new if it returns."""
        now = tuple(tape)
        if not self.on:
            return
        self._known = {(layer, tokens) for layer, tokens in self._known if tokens == now[: len(tokens)]}
        for layer, at in product(layers, positions):
            run = layer, now[: at + 1]
            (self.again if run in self._known else self.first)[layer] += 1
            self._known.add(run)

    @property
    def all(self) -> int:
        """How often any token went through any layer."""
        return self.first.total() + self.again.total()


def count_called(monkeypatch: pytest.MonkeyPatch, runs: Runs, model: Transformer) -> None:
    """Count what goes through ``model`` where passes are called one by one."""
    advancing, run = Trunk.advancing, Transformer.run

    def advanced(self: Trunk, span: int, tape: Sequence[int], upto: int, together: int) -> Iterator[int]:
        if self.model is model:
            runs.note(self.spans[span], tape, range(self.seen(span), upto))
        return advancing(self, span, tape, upto, together)

    def computed(self: Transformer, hidden: Tensor, layers: range, *how: Any) -> Tensor:
        runs.work += len(layers) * len(hidden) * (self is model and runs.on)
        return run(self, hidden, layers, *how)

    monkeypatch.setattr(Trunk, "advancing", advanced)
    monkeypatch.setattr(Transformer, "run", computed)


def count_recorded(monkeypatch: pytest.MonkeyPatch, runs: Runs, model: Transformer, device: Device) -> None:
    """Count what goes through ``model`` where passes are recorded; ``device``: where the tape is.

    Not on a tape that is full: a round more than is needed may run ahead there.
    """

    def decoded(
        of: Transformer, hidden: Tensor, layers: range, cache: Any, start: Tensor, idle: Tensor | None = None
    ) -> Tensor:
        first, board = int(start), device.board
        if of is model and not (idle is not None and bool(torch.any(idle))) and not reference._full(board):
            runs.note(layers, board.tape[: int(board.length)].tolist(), range(first, first + len(hidden)))
        return decode(of, hidden, layers, cache, start, idle)

    monkeypatch.setattr(stack, "decode", decoded)
