"""Keys and values of the tokens seen so far, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

STEP = 512  # positions a growing cache gains at least, so that it is copied seldom


@dataclass(slots=True, eq=False)
class KVCache:
    """The past of one conversation: per layer, ``keys`` and ``values`` of [kv_heads, room, head_dim].

    ``lengths[i]`` positions of layer i are valid; layers may differ, since early exits run ahead of the rest.
    ``limit`` is the most positions a layer may ever hold; room grows towards it on demand, keeping what is valid.
    """

    keys: list[Tensor]
    values: list[Tensor]
    lengths: list[int]
    limit: int

    @classmethod
    def empty(
        cls,
        layers: int,
        shape: tuple[int, int],
        limit: int,
        room: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> KVCache:
        """Return a cache for ``layers`` layers of ``shape`` (kv_heads, head_dim) with ``room`` positions reserved."""
        kv_heads, head_dim = shape
        keys, values = (
            [torch.zeros(kv_heads, room, head_dim, device=device, dtype=dtype) for _ in range(layers)] for _ in "kv"
        )
        return cls(keys, values, [0] * layers, limit)

    def length(self, layers: range) -> int:
        """Return how many positions ``layers`` hold; raises RuntimeError unless all hold as many."""
        start = self.lengths[layers.start]
        if any(self.lengths[layer] != start for layer in layers):
            held = [self.lengths[layer] for layer in layers]
            raise RuntimeError(f"layers {layers.start}..{layers.stop - 1} hold different numbers of tokens: {held}")
        return start

    def reserve(self, layers: range, positions: int) -> None:
        """Make room for ``positions`` in ``layers``; raises RuntimeError beyond ``limit``."""
        if positions > self.limit:
            raise RuntimeError(f"{positions} positions do not fit a cache of {self.limit}")
        for layer in layers:
            if self.keys[layer].shape[1] < positions:
                room = min(self.limit, max(positions, self.keys[layer].shape[1] + STEP))
                both = self.keys[layer], self.values[layer]
                wider = [_widened(each, self.lengths[layer], room) for each in both]  # both or none, if memory ends
                self.keys[layer], self.values[layer] = wider

    def settle(self, layers: range, length: int) -> None:
        """Declare the first ``length`` positions of ``layers`` valid, once all of them are written."""
        for layer in layers:
            self.lengths[layer] = length

    def rewind(self, length: int, layers: range | None = None) -> None:
        """Forget what lies beyond ``length`` positions in ``layers`` (all by default); shorter layers stay."""
        for layer in range(len(self.lengths)) if layers is None else layers:
            self.lengths[layer] = min(self.lengths[layer], length)


def _widened(old: Tensor, length: int, room: int) -> Tensor:
    new = old.new_zeros(old.shape[0], room, old.shape[2])
    new[:, :length] = old[:, :length]
    return new
