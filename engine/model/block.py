"""Takes hidden states one layer up, written once: attention over what is past, then the gated MLP.

What computes it is a set of operations: torch's (``torch_ops``), our GPU kernels (``decode``), or the stages of our CPU
kernels (``steps``). The order of norm, product, rotation and residual stands nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from engine.model.linear import Linear
from engine.model.past import Past


class Operations(Protocol):
    """The operations of a layer for one pass of n tokens, whose positions the set knows."""

    def norm(self, hidden: Tensor, weight: Tensor, /) -> Tensor:
        """Return ``hidden`` [n, width] over its root mean square, times ``weight`` [width] (arXiv 1910.07467)."""
        ...

    def product(
        self, matrix: Linear, x: Tensor, ahead: Linear | None, /, *, residual: Tensor | None = None, gated: bool = False
    ) -> Tensor:
        """Return ``matrix`` of ``x`` [n, K]: [n, N], or if ``gated`` silu(first half) * second half, [n, N / 2].

        ``residual`` [n, N] is added. ``ahead``: what will be multiplied by next, which may be brought near meanwhile.
        """
        ...

    def turn(self, joined: Tensor, head_norm: Tensor | None, past: Past, /) -> Tensor:
        """Return the queries of ``joined`` [n, (heads + 2 * kv_heads) * head_dim], turned by their positions.

        Keys are turned likewise and written into ``past`` with the values; ``head_norm``, where there is one, comes
        first. What is returned is for ``attend`` alone.
        """
        ...

    def attend(self, query: Tensor, past: Past, window: int | None, /) -> Tensor:
        """Return what queries gather from ``past``, no further back than ``window``: [n, heads * head_dim]."""
        ...


@dataclass(slots=True, eq=False)
class Block:
    """The weights of one layer; q, k, v and gate, up are joined by rows. ``window``: see Architecture."""

    attention_norm: Tensor  # [width]
    qkv: Linear  # width -> (heads + 2 * kv_heads) * head_dim
    head_norm: Tensor | None  # [heads + kv_heads, head_dim], of queries and keys
    output: Linear  # heads * head_dim -> width
    mlp_norm: Tensor  # [width]
    gate_up: Linear  # width -> 2 * mlp
    down: Linear  # mlp -> width
    window: int | None

    def __call__(self, hidden: Tensor, ops: Operations, past: Past, following: Linear | None = None) -> Tensor:
        """Take ``hidden`` [n, width] one layer up; ``past`` gains n positions. ``following``: the next layer's product.

        Queries share keys in groups (arXiv 2305.13245).
        """
        return self.beyond(ops.norm(hidden, self.attention_norm), hidden, ops, past, following)

    def beyond(
        self, normed: Tensor, hidden: Tensor, ops: Operations, past: Past, following: Linear | None = None
    ) -> Tensor:
        """Return the layer of ``hidden`` where queries, keys and values are made of ``normed``, of any width."""
        joined = ops.product(self.qkv, normed, self.output)
        query = ops.turn(joined, self.head_norm, past)
        gathered = ops.attend(query, past, self.window)
        hidden = ops.product(self.output, gathered, self.gate_up, residual=hidden)
        normed = ops.norm(hidden, self.mlp_norm)
        gated = ops.product(self.gate_up, normed, self.down, gated=True)
        return ops.product(self.down, gated, following, residual=hidden)

    @property
    def matrices(self) -> tuple[Linear, Linear, Linear, Linear]:
        """What is multiplied by, in the order of a pass."""
        return self.qkv, self.output, self.gate_up, self.down
