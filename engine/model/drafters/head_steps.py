"""Runs a row of a packed head on a CPU: our kernels from its norms to its logits, in buffers made once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.architecture import Architecture
from engine.model.block import Block
from engine.model.cpu.crew import crew, workers
from engine.model.cpu.layout import GROUP, LANES
from engine.model.linear import Linear
from engine.model.packed import Packed, multiplication
from engine.model.past import Past
from engine.model.rotary import Rotation
from engine.model.steps import LATER, Steps, places


class HeadSteps(Steps):
    """The layer of a head whose first product reads an embedding and features, one row at a time."""

    inputs = 2
    reading = 2  # stages from what a row hands on to its logits

    def __init__(
        self, shape: Architecture, block: Block, rotation: Rotation, hidden_norm: Tensor, norm: Tensor, read: Linear
    ) -> None:
        """Raises ValueError for what is not packed, or of a shape the kernels do not know."""
        if not isinstance(read, Packed):
            raise ValueError("a head that is not packed")  # noqa: TRY004 - nothing is wrong with the type
        self.hidden_norm, self.norm, self.read = hidden_norm, norm, read
        self.embedding, self.logits = torch.empty(1, shape.width), torch.empty(1, LANES * len(read.blocks))
        super().__init__(shape, [block], rotation)

    def extend(self, given: Tensor, embedding: Tensor, past: Past) -> tuple[Tensor, Tensor]:
        """Run rows behind those of ``past``; return what the last hands on [1, width], and its logits [1, m].

        ``given`` and ``embedding``: [n, width]. Nobody reads the logits of the others, which are not computed.
        """
        start, threads, last = past.length, workers(), len(given) - 1
        past.reserve(start + len(given))
        lies = np.array([places(past)])
        for row in range(len(given)):
            self.ops.states[:1], self.embedding[:] = given[row], embedding[row]
            self._bring(1, range(1), lies, start + row, threads)
            crew.run(self.stages if row == last else self.stages[: -self.reading], threads)
        past.length = start + len(given)
        return self.ops.states[:1].clone(), self.logits[:, : self.read.shape[0]].clone()

    def _write_down(self, block: Block, past: Past) -> None:
        ops = self.ops
        self._norm(self.embedding, block.attention_norm, 0)
        self._norm(ops.states, self.hidden_norm, self.shape.width)
        block.beyond(ops.codes, ops.states, ops, past)
        ops.norm(ops.states, self.norm)
        bias = 0 if self.read.bias is None else self.read.bias.data_ptr()
        parts = (*ops.packed, self.logits.data_ptr())
        ops.made.append(multiplication(self.read, parts, self.logits.shape[1], LATER, bias, 0))
        ops.kinds.append("product")

    def _norm(self, hidden: Tensor, weight: Tensor, at: int) -> None:
        """Write down the norm of one row of ``hidden``, which comes packed from column ``at`` on."""
        ops, group = self.ops, at // GROUP
        whole, ops.packed = (
            ops.packed,
            (
                ops.codes[0, at:].data_ptr(),
                ops.scales[0, group:].data_ptr(),
                ops.sums[0, group:].data_ptr(),
            ),
        )
        ops.norm(hidden, weight)
        ops.packed = whole
