"""A pass of packed layers on a CPU: our kernels from the first product to the last, in buffers made once.

The same layers as ``Transformer.run`` composes of torch's operators. A token's state is the same bit for bit however
many tokens share its pass and wherever the layers were split: a prompt, one token and a verification agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional

from engine.architecture import Architecture
from engine.model.cache import KVCache
from engine.model.cpu.compiled import Kernels
from engine.model.cpu.layout import GROUP, LANES, TILE
from engine.model.layer import Layer
from engine.model.linear import Linear, Stacked
from engine.model.packed import Packed, found
from engine.model.rotary import Rotation

ROWS = 64  # of a pass through one layer; longer ones go in parts


class Steps:
    """Runs the packed layers of one model. Not thread-safe."""

    def __init__(self, architecture: Architecture, blocks: Sequence[Layer], rotation: Rotation) -> None:
        """Raises ValueError for layers that are not packed, or of a shape the kernels do not know."""
        a = architecture
        self.kernels: Kernels = found()
        self.shape, self.rotation = a, rotation
        if a.head_dim % (2 * LANES) or a.width % GROUP:
            raise ValueError(f"heads of {a.head_dim}")
        self.layers = [_Layer(block) for block in blocks]
        self.eps, self.factor = torch.tensor([a.norm_eps]), torch.tensor([1 / sqrt(a.head_dim)])
        joined, widest = (a.heads + 2 * a.kv_heads) * a.head_dim, max(a.width, a.mlp, a.heads * a.head_dim)
        self.joined, self.gathered = torch.empty(ROWS, joined), torch.empty(ROWS, a.heads * a.head_dim)
        self.gates, self.change = torch.empty(ROWS, 2 * a.mlp), torch.empty(ROWS, a.width)
        self.codes = torch.empty(ROWS, widest, dtype=torch.int8)
        self.scales, self.sums = torch.empty(2, ROWS, widest // GROUP)
        self.packed = tuple(part.data_ptr() for part in (self.codes, self.scales, self.sums))
        self.scores = torch.empty(0)

    def run(self, hidden: Tensor, layers: range, cache: KVCache, start: int) -> Tensor:
        """Return the states [n, width] of positions from ``start`` on, behind ``layers``; there is room for them."""
        states = hidden.clone(memory_format=torch.contiguous_format)
        room = max(cache.keys[layer].shape[1] for layer in layers)
        if len(self.scores) < room + LANES:
            self.scores = torch.empty(room + LANES)
        for at in range(0, len(states), ROWS):
            self._pass(states[at : at + ROWS], layers, cache, start + at)
        return states

    def _pass(self, states: Tensor, layers: range, cache: KVCache, start: int) -> None:
        """Take ``states`` through the layers where they lie."""
        n, a, k = len(states), self.shape, self.kernels
        rows, eps = states.data_ptr(), self.eps.data_ptr()
        joined, gathered, gates, change = (
            each.data_ptr() for each in (self.joined, self.gathered, self.gates, self.change)
        )
        cosine, sine = (part.data_ptr() for part in self.rotation.between(start, start + n))
        scores, factor = self.scores.data_ptr(), self.factor.data_ptr()
        heads = a.heads, a.kv_heads
        for index in layers:
            layer, keys, values = self.layers[index], cache.keys[index], cache.values[index]
            room, begin = keys.shape[1], 2 * start * a.head_dim
            past = keys.data_ptr(), values.data_ptr()
            k.norm(rows, layer.attention_norm, *self.packed, eps, n, a.width // GROUP)
            self._product(layer.qkv, self.joined, n)
            if layer.block.head_norm is not None:
                self._norm_heads(layer.block.head_norm, n)
            k.rotate(joined, cosine, sine, past[0] + begin, past[1] + begin, n, *heads, room, a.head_dim)
            window = layer.block.window or room + 1
            k.attend(joined, *past, scores, gathered, factor, n, start, window, *heads, room, a.head_dim)
            k.quantise(gathered, *self.packed, n * a.heads * a.head_dim // GROUP)
            self._product(layer.output, self.change, n)
            k.add(rows, change, n, a.width, a.width, a.width)
            k.norm(rows, layer.mlp_norm, *self.packed, eps, n, a.width // GROUP)
            self._product(layer.gate_up, self.gates, n)
            k.gate(gates, *self.packed, n, a.mlp // GROUP)
            self._product(layer.down, self.change, n)
            k.add(rows, change, n, a.width, a.width, a.width)

    def _product(self, parts: Sequence[_Part], result: Tensor, n: int) -> None:
        """Put the products of the packed rows with ``parts``, side by side, into ``result``."""
        codes, scales, sums = self.packed
        target, width = result.data_ptr(), result.shape[1]
        for part in parts:
            for at in range(0, n, TILE):
                call = part.products[min(TILE, n - at) - 1]
                groups = part.groups
                done = at * groups
                call(
                    part.blocks,
                    codes + GROUP * done,
                    scales + 4 * done,
                    sums + 4 * done,
                    target + 4 * at * width,
                    groups,
                    0,
                    part.count,
                    width,
                )
            if part.bias:
                self.kernels.add(target, part.bias, n, LANES * part.count, width, 0)
            target += 4 * LANES * part.count

    def _norm_heads(self, weights: Tensor, n: int) -> None:
        """Bring queries and keys to their norms, head by head."""
        a = self.shape
        turned = self.joined[:n].view(n, -1, a.head_dim)[:, : a.heads + a.kv_heads]
        turned.copy_(functional.rms_norm(turned, (a.head_dim,), eps=a.norm_eps) * weights)


class _Part:
    """A packed matrix as the kernels take it: addresses and numbers."""

    def __init__(self, matrix: Packed) -> None:
        if matrix.shape[0] % LANES:
            raise ValueError(f"{matrix.shape[0]} outputs")
        self.blocks, self.groups, self.count = matrix.blocks.data_ptr(), matrix.blocks.shape[1], len(matrix.blocks)
        self.bias = 0 if matrix.bias is None else matrix.bias.data_ptr()
        self.products = [found().products[matrix.form, rows] for rows in range(1, TILE + 1)]


class _Layer:
    """A layer as the kernels take it. ``block`` owns the memory."""

    def __init__(self, block: Layer) -> None:
        self.block = block
        self.attention_norm, self.mlp_norm = block.attention_norm.data_ptr(), block.mlp_norm.data_ptr()
        self.qkv, self.output, self.gate_up, self.down = map(
            _parts, (block.qkv, block.output, block.gate_up, block.down)
        )


def _parts(matrix: Linear) -> list[_Part]:
    parts = matrix.parts if isinstance(matrix, Stacked) else (matrix,)
    if not all(isinstance(part, Packed) for part in parts):
        raise ValueError("not packed")
    return [_Part(part) for part in parts if isinstance(part, Packed)]
