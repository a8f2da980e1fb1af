"""A pass of packed layers on a CPU: our kernels from the first product to the last, in buffers made once.

The same layers as ``Transformer.run`` composes of torch's operators. A token's state is the same bit for bit however
many tokens share its pass, wherever the layers were split, and by any number of threads: a prompt, one token and a
verification agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.architecture import Architecture
from engine.model.cache import KVCache
from engine.model.cpu.attention import space
from engine.model.cpu.crew import crew, stage, stages, workers
from engine.model.cpu.layout import ARGUMENTS, GROUP, ITEMS, LANES, TILE
from engine.model.layer import Layer
from engine.model.linear import Linear, Stacked
from engine.model.packed import QUANTISED, Packed, multiplication
from engine.model.rotary import Rotation

ROWS = 64  # of a pass through one layer; longer ones go in parts
GATED, ROTATED = 16, 8  # groups and heads that take about a microsecond
EVERYTHING = 1 << 40  # positions, of a layer without a window
LATER = 0  # an argument that a pass brings


class Steps:
    """Runs the packed layers of one model. Not thread-safe."""

    def __init__(self, architecture: Architecture, blocks: Sequence[Layer], rotation: Rotation) -> None:
        """Raises ValueError for layers that are not packed, or of a shape the kernels do not know."""
        a = architecture
        self.shape, self.rotation = a, rotation
        if a.head_dim % (2 * LANES) or a.width % GROUP:
            raise ValueError(f"heads of {a.head_dim}")
        self.blocks = [*blocks]  # which own the memory
        self.eps, self.factor = torch.tensor([a.norm_eps]), torch.tensor([1 / sqrt(a.head_dim)])
        joined, widest = (a.heads + 2 * a.kv_heads) * a.head_dim, max(a.width, a.mlp, a.heads * a.head_dim)
        self.states = torch.empty(ROWS, a.width)
        self.joined, self.gathered = torch.empty(ROWS, joined), torch.empty(ROWS, a.heads * a.head_dim)
        self.gates, self.change = torch.empty(ROWS, 2 * a.mlp), torch.empty(ROWS, a.width)
        self.codes = torch.empty(ROWS, widest, dtype=torch.int8)
        self.scales, self.sums = torch.empty(2, ROWS, widest // GROUP)
        self.packed = tuple(part.data_ptr() for part in (self.codes, self.scales, self.sums))
        self.space = torch.empty(0)  # a thread's after another's
        self._lay_out()

    def _lay_out(self) -> None:
        """Write down the stages of all layers as one row passes them; ``_bring`` fills in what a pass brings."""
        layers = [[*self._layer(block)] for block in self.blocks]
        self.begins = np.cumsum([0, *map(len, layers)])
        self.stages = stages(each for layer in layers for each, _ in layer)
        self.items = self.stages[:, ITEMS].copy()  # of one row
        kinds = np.array([kind for layer in layers for _, kind in layer])
        self.products, self.rotations = kinds == "product", np.flatnonzero(kinds == "rotation")
        self.items[self.rotations + 1] = 0  # attention's are not by the row
        self.rows = 0  # that they are for

    def _layer(self, block: Layer) -> Iterator[tuple[list[int], str]]:
        """Yield the stages of ``block`` for one row, and of which kind they are."""
        a, eps = self.shape, self.eps.data_ptr()
        groups, gathered = a.width // GROUP, a.heads * a.head_dim // GROUP
        states, joined, gates = (each.data_ptr() for each in (self.states, self.joined, self.gates))
        heads = a.heads, a.kv_heads, a.head_dim

        yield stage("norm", 1, 1, states, block.attention_norm.data_ptr(), *self.packed, eps, groups), ""
        yield from self._products(block.qkv, self.joined)
        if block.head_norm is not None:
            yield stage("norm_heads", 1, 1, joined, block.head_norm.data_ptr(), eps, *heads), ""
        later = LATER, LATER, LATER, LATER
        yield stage("rotate", a.heads + 2 * a.kv_heads, ROTATED, joined, *later, *heads), "rotation"
        result = self.gathered.data_ptr(), self.factor.data_ptr()
        yield stage("attend", 0, 1, joined, *later[1:], *result, *heads, block.window or EVERYTHING), ""
        yield stage("quantise", gathered, QUANTISED, self.gathered.data_ptr(), *self.packed), ""
        yield from self._products(block.output, self.change, states)
        yield stage("norm", 1, 1, states, block.mlp_norm.data_ptr(), *self.packed, eps, groups), ""
        yield from self._products(block.gate_up, self.gates)
        yield stage("gate", a.mlp // GROUP, GATED, gates, *self.packed, a.mlp // GROUP), ""
        yield from self._products(block.down, self.change, states)

    def _products(self, matrix: Linear, result: Tensor, target: int = 0) -> Iterator[tuple[list[int], str]]:
        """Yield the products with ``matrix``, side by side into ``result``, which ``target`` gains."""
        made, width = result.data_ptr(), result.shape[1]
        for part in matrix.parts if isinstance(matrix, Stacked) else (matrix,):
            if not isinstance(part, Packed) or part.shape[0] % LANES:
                raise ValueError("not packed, or not in whole blocks")
            bias = 0 if part.bias is None else part.bias.data_ptr()
            yield multiplication(part, (*self.packed, made), width, LATER, bias, target), "product"
            made += 4 * part.shape[0]

    def run(self, hidden: Tensor, layers: range, cache: KVCache, start: int) -> Tensor:
        """Return the states [n, width] of positions from ``start`` on, behind ``layers``; there is room for them."""
        made = torch.empty_like(hidden, memory_format=torch.contiguous_format)
        past = np.array(
            [(cache.keys[at].data_ptr(), cache.values[at].data_ptr(), cache.keys[at].shape[1]) for at in layers]
        )
        work, threads = self.stages[self.begins[layers.start] : self.begins[layers.stop]], workers()
        for at in range(0, len(hidden), ROWS):
            part = hidden[at : at + ROWS]
            self.states[: len(part)] = part
            self._bring(len(part), layers, past, start + at, threads)
            crew.run(work, threads)
            made[at : at + ROWS] = self.states[: len(part)]
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
