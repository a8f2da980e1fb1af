"""Runs packed layers on a CPU: our kernels from the first product to the last, in buffers made once.

The same layers as ``Transformer.run`` composes of torch's operators. A token's state is the same bit for bit however
many tokens share its pass, wherever the layers were split, and by any number of threads: a prompt, one token and a
verification agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.architecture import Architecture
from engine.model.block import Block
from engine.model.cpu.attention import space
from engine.model.cpu.crew import crew, stage, stages, workers
from engine.model.cpu.layout import ARGUMENTS, GROUP, ITEMS, LANES, TILE
from engine.model.linear import Linear, Stacked
from engine.model.packed import QUANTISED, Packed, multiplication
from engine.model.past import Cache, Past
from engine.model.rotary import Rotation

ROWS = 64  # of a pass through one layer; longer ones go in parts
GATED, ROTATED = 16, 8  # groups and heads that take about a microsecond
EVERYTHING = 1 << 40  # positions, of a layer without a window
LATER = 0  # an argument that a pass brings


class StageOperations:
    """The operations of a layer as stages of our kernels for one row, written down one after another in ``made``.

    Each returns the buffer that its stages fill; ``codes`` stands for activations packed to 8 bits.
    """

    def __init__(self, architecture: Architecture, inputs: int = 1) -> None:
        """``inputs``: states side by side that a first product reads."""
        a = architecture
        self.heads, self.mlp, self.groups = (a.heads, a.kv_heads, a.head_dim), a.mlp // GROUP, a.width // GROUP
        self.eps, self.factor = torch.tensor([a.norm_eps]), torch.tensor([1 / sqrt(a.head_dim)])
        joined, widest = (a.heads + 2 * a.kv_heads) * a.head_dim, max(inputs * a.width, a.mlp, a.heads * a.head_dim)
        self.states = torch.empty(ROWS, a.width)
        self.joined, self.gathered = torch.empty(ROWS, joined), torch.empty(ROWS, a.heads * a.head_dim)
        self.gates, self.change = torch.empty(ROWS, 2 * a.mlp), torch.empty(ROWS, a.width)
        self.codes = torch.empty(ROWS, widest, dtype=torch.int8)
        self.scales, self.sums = torch.empty(2, ROWS, widest // GROUP)
        self.packed = tuple(part.data_ptr() for part in (self.codes, self.scales, self.sums))
        self.made: list[list[int]] = []
        self.kinds: list[str] = []  # which of them a pass has to bring something for

    def norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        """Write down the norm of ``hidden``, which comes packed."""
        parts = hidden.data_ptr(), weight.data_ptr(), *self.packed, self.eps.data_ptr()
        self._add("norm", 1, 1, *parts, self.groups)
        return self.codes

    def product(
        self,
        matrix: Linear,
        _x: Tensor,
        _ahead: Linear | None,
        /,
        *,
        residual: Tensor | None = None,
        gated: bool = False,
    ) -> Tensor:
        """Write down the products of packed activations with the parts of ``matrix``, side by side.

        Raises ValueError for matrices that are not packed, or not in whole blocks.
        """
        result = self.gates if gated else self.joined if residual is None else self.change
        made, target = result.data_ptr(), 0 if residual is None else residual.data_ptr()
        for part in matrix.parts if isinstance(matrix, Stacked) else (matrix,):
            if not isinstance(part, Packed) or part.shape[0] % LANES:
                raise ValueError("not packed, or not in whole blocks")
            bias = 0 if part.bias is None else part.bias.data_ptr()
            self.made.append(multiplication(part, (*self.packed, made), result.shape[1], LATER, bias, target))
            self.kinds.append("product")
            made += 4 * part.shape[0]
        if not gated:
            return result if residual is None else residual
        self._add("gate", self.mlp, GATED, result.data_ptr(), *self.packed, self.mlp)
        return self.codes

    def turn(self, joined: Tensor, head_norm: Tensor | None, _past: Past) -> Tensor:
        """Write down rotation, and the norm of heads before it; a pass brings where its past lies."""
        rows, (heads, kv_heads, _) = joined.data_ptr(), self.heads
        if head_norm is not None:
            self._add("norm_heads", 1, 1, rows, head_norm.data_ptr(), self.eps.data_ptr(), *self.heads)
        later = LATER, LATER, LATER, LATER
        self._add("rotate", heads + 2 * kv_heads, ROTATED, rows, *later, *self.heads)
        return joined

    def attend(self, query: Tensor, _past: Past, window: int | None) -> Tensor:
        """Write down attention, whose result comes packed; a pass brings where its past lies."""
        result = self.gathered.data_ptr(), self.factor.data_ptr()
        self._add("attend", 0, 1, query.data_ptr(), LATER, LATER, LATER, *result, *self.heads, window or EVERYTHING)
        self._add("quantise", self.gathered.shape[1] // GROUP, QUANTISED, self.gathered.data_ptr(), *self.packed)
        return self.codes

    def _add(self, kernel: str, items: int, grain: int, *arguments: int) -> None:
        self.made.append(stage(kernel, items, grain, *arguments))
        self.kinds.append(kernel)


class Steps:
    """Runs the packed layers of one model. Not thread-safe."""

    inputs = 1  # states side by side that a layer's first product reads

    def __init__(self, architecture: Architecture, blocks: Sequence[Block], rotation: Rotation) -> None:
        """Raises ValueError for layers that are not packed, or of a shape the kernels do not know."""
        if architecture.head_dim % (2 * LANES) or architecture.width % GROUP:
            raise ValueError(f"heads of {architecture.head_dim}")
        self.shape, self.rotation = architecture, rotation
        self.blocks = [*blocks]  # which own the memory
        self.ops = StageOperations(architecture, self.inputs)
        self.space = torch.empty(0)  # a thread's after another's
        self._lay_out()

    def _lay_out(self) -> None:
        """Write down the stages of all layers as one row passes them; ``_bring`` fills in what a pass brings."""
        ops, begins = self.ops, [0]
        past = Past.empty((self.shape.kv_heads, self.shape.head_dim), 0, 0, torch.device("cpu"), torch.half)
        for block in self.blocks:
            self._write_down(block, past)
            begins.append(len(ops.made))
        self.begins = np.array(begins)
        self.stages = stages(ops.made)
        self.items = self.stages[:, ITEMS].copy()  # of one row
        kinds = np.array(ops.kinds)
        self.products, self.rotations = kinds == "product", np.flatnonzero(kinds == "rotate")
        self.items[self.rotations + 1] = 0  # attention's are not by the row
        self.rows = 0  # that they are for

    def _write_down(self, block: Block, past: Past) -> None:
        """Write down the stages of one layer."""
        block(self.ops.states, self.ops, past)

    def run(self, hidden: Tensor, layers: range, cache: Cache, start: int) -> Tensor:
        """Return the states [n, width] of positions from ``start`` on, behind ``layers``; there is room for them."""
        made = torch.empty_like(hidden, memory_format=torch.contiguous_format)
        past = np.array([places(cache.layers[at]) for at in layers])
        work, threads = self.stages[self.begins[layers.start] : self.begins[layers.stop]], workers()
        for at in range(0, len(hidden), ROWS):
            part = hidden[at : at + ROWS]
            self.ops.states[: len(part)] = part
            self._bring(len(part), layers, past, start + at, threads)
            crew.run(work, threads)
            made[at : at + ROWS] = self.ops.states[: len(part)]
        return made

    def _bring(self, n: int, layers: range, past: NDArray[np.int64], start: int, threads: int) -> None:
        """Fill in what a pass of ``n`` rows from ``start`` on brings; ``past``: keys, values and room by layer."""
        dim, arguments = self.shape.head_dim, self.stages[:, ARGUMENTS:]
        size = space(self.shape.heads // self.shape.kv_heads, int(past[:, 2].max()), dim)
        rotations = self.rotations[layers.start : layers.stop]
        attentions = rotations + 1
        if n != self.rows:
            self._widen(n)
        if len(self.space) < threads * size:
            self.space = torch.empty(threads * size)
            arguments[self.rotations + 1, 3] = self.space.data_ptr()
        arguments[rotations, 1:3] = [part.data_ptr() for part in self.rotation.between(start, start + n)]
        arguments[rotations, 3:5] = past[:, :2] + 2 * start * dim
        arguments[rotations, 8] = arguments[attentions, 10] = past[:, 2]
        arguments[attentions, 1:3] = past[:, :2]
        arguments[attentions, 12:14] = start, 4 * size

    def _widen(self, n: int) -> None:
        """Let the stages of all layers be for ``n`` rows, which seldom changes."""
        self.rows = n
        arguments, attentions = self.stages[:, ARGUMENTS:], self.rotations + 1
        self.stages[:, ITEMS] = np.where(self.products, self.items, n * self.items)
        self.stages[attentions, ITEMS] = -(-n // TILE) * self.shape.kv_heads
        arguments[self.products, 9] = n
        arguments[attentions, 11] = n


def places(past: Past) -> tuple[int, int, int]:
    """Return where keys and values lie, and for how many positions there is room."""
    keys, values = past.held
    return keys.data_ptr(), values.data_ptr(), past.room
