"""Keeps what a conversation leaves behind in each layer: the keys and values of the tokens seen so far."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

STEP = 512  # positions a growing past gains at least, so that it is copied seldom


@dataclass(slots=True, eq=False)
class Past:
    """The past of one layer: ``keys`` and ``values`` of [kv_heads, room, head_dim], ``length`` positions valid.

    ``limit`` is the most positions it may ever hold; room grows towards it on demand, keeping what is valid. Only sets
    of operations look inside: how many bytes a position takes, and in which form, is decided here.
    """

    keys: Tensor
    values: Tensor
    limit: int
    length: int = 0

    @classmethod
    def empty(cls, shape: tuple[int, int], limit: int, room: int, device: torch.device, dtype: torch.dtype) -> Past:
        """Return a past for ``shape`` (kv_heads, head_dim) with ``room`` positions reserved."""
        kv_heads, head_dim = shape
        keys, values = (torch.zeros(kv_heads, room, head_dim, device=device, dtype=dtype) for _ in "kv")
        return cls(keys, values, limit)

    @property
    def shape(self) -> tuple[int, int]:
        """The heads of keys, and their width."""
        return self.keys.shape[0], self.keys.shape[2]

    @property
    def room(self) -> int:
        """How many positions there is memory for."""
        return self.keys.shape[1]

    @property
    def held(self) -> tuple[Tensor, Tensor]:
        """The keys and values themselves, for kernels."""
        return self.keys, self.values

    @property
    def bytes(self) -> int:
        """The memory it takes."""
        return self.keys.nbytes + self.values.nbytes

    def reserve(self, positions: int) -> None:
        """Make room for ``positions``; raises RuntimeError beyond ``limit``."""
        if positions > self.limit:
            raise RuntimeError(f"{positions} positions do not fit a cache of {self.limit}")
        if self.room < positions:
            room = min(self.limit, max(positions, self.room + STEP))
            wider = [_widened(each, self.length, room) for each in self.held]  # both or none, if memory ends
            self.keys, self.values = wider

    def write(self, start: int, keys: Tensor, values: Tensor) -> None:
        """Put ``keys`` and ``values`` [kv_heads, n, head_dim] at the positions from ``start`` on; there is room."""
        stop = start + keys.shape[1]
        self.keys[:, start:stop] = keys
        self.values[:, start:stop] = values

    def attend(self, query: Tensor, first: int, stop: int, mask: Tensor | None) -> Tensor:
        """Return what ``query`` [heads, n, head_dim] gathers from ``first`` to ``stop`` - 1, [n, heads * head_dim].

        ``mask``: additive [n, stop - first], None where all of them are seen.
        """
        gathered = functional.scaled_dot_product_attention(
            query.unsqueeze(0),
            self.keys[:, first:stop].to(query.dtype).unsqueeze(0),
            self.values[:, first:stop].to(query.dtype).unsqueeze(0),
            attn_mask=mask,
            enable_gqa=True,
        )
        return gathered[0].transpose(0, 1).reshape(query.shape[1], -1)

    def rewind(self, length: int) -> None:
        """Forget what lies beyond ``length`` positions; a shorter past stays."""
        self.length = min(self.length, length)


class Cache:
    """The past of one conversation, layer by layer; layers may differ in length, since early exits run ahead."""

    def __init__(self, layers: list[Past]) -> None:
        self.layers = layers

    @property
    def lengths(self) -> list[int]:
        """How many positions of each layer are valid."""
        return [past.length for past in self.layers]

    @property
    def bytes(self) -> int:
        """The memory all layers take."""
        return sum(past.bytes for past in self.layers)

    def length(self, layers: range) -> int:
        """Return how many positions ``layers`` hold; raises RuntimeError unless all hold as many."""
        held = [self.layers[layer].length for layer in layers]
        if len(set(held)) > 1:
            raise RuntimeError(f"layers {layers.start}..{layers.stop - 1} hold different numbers of tokens: {held}")
        return held[0]

    def reserve(self, layers: range, positions: int) -> None:
        """Make room for ``positions`` in ``layers``; raises RuntimeError beyond their limit."""
        for layer in layers:
            self.layers[layer].reserve(positions)

    def settle(self, layers: range, length: int) -> None:
        """Declare the first ``length`` positions of ``layers`` valid, once all of them are written."""
        for layer in layers:
            self.layers[layer].length = length

    def rewind(self, length: int, layers: range | None = None) -> None:
        """Forget what lies beyond ``length`` positions in ``layers`` (all by default); shorter layers stay."""
        for layer in range(len(self.layers)) if layers is None else layers:
            self.layers[layer].rewind(length)


def _widened(old: Tensor, length: int, room: int) -> Tensor:
    new = old.new_zeros(old.shape[0], room, old.shape[2])
    new[:, :length] = old[:, :length]
    return new
