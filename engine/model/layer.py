"""One layer: attention over the cache, then the gated MLP."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.model.linear import Linear
from engine.model.rotary import rotated


@dataclass(slots=True, eq=False)
class Span:
    """The positions ``start`` .. ``stop`` - 1 of one pass, with their rotation: see Rotation.between."""

    start: int
    stop: int
    cosine: Tensor
    sine: Tensor

    def visible(self, window: int | None) -> tuple[int, Tensor | None]:
        """Return the first cached position any of them sees, and an additive mask [n, seen], None where all is seen.

        A token sees itself and what came before, no further back than ``window`` positions counting itself.
        """
        first = 0 if window is None else max(0, self.start - window + 1)
        if self.stop - self.start == 1:
            return first, None
        if window is None and self.cosine.is_cuda:  # a mask as a formula, which the fast kernels know
            from torch.nn.attention.bias import causal_lower_right  # takes more than a second to import

            return first, causal_lower_right(self.stop - self.start, self.stop)
        here = torch.arange(self.start, self.stop, device=self.cosine.device)[:, None]
        there = torch.arange(first, self.stop, device=self.cosine.device)
        hidden = there > here if window is None else (there > here) | (there <= here - window)
        mask = torch.zeros(hidden.shape, dtype=self.cosine.dtype, device=self.cosine.device)
        return first, mask.masked_fill_(hidden, float("-inf"))


@dataclass(slots=True, eq=False)
class Layer:
    """The weights of one layer; q, k, v and gate, up are joined by rows. ``window``: see Architecture."""

    attention_norm: Tensor  # [width]
    qkv: Linear  # width -> (heads + 2 * kv_heads) * head_dim
    head_norm: Tensor | None  # [heads + kv_heads, head_dim], of queries and keys
    output: Linear  # heads * head_dim -> width
    mlp_norm: Tensor  # [width]
    gate_up: Linear  # width -> 2 * mlp
    down: Linear  # mlp -> width
    eps: float
    window: int | None

    def __call__(
        self, hidden: Tensor, span: Span, visible: tuple[int, Tensor | None], keys: Tensor, values: Tensor
    ) -> Tensor:
        """Take ``hidden`` [n, width] one layer up; ``keys`` and ``values`` [kv_heads, room, head_dim] gain ``span``."""
        hidden = hidden + self.attention(hidden, span, visible, keys, values)
        gate, up = self.gate_up(rms_norm(hidden, self.mlp_norm, self.eps)).chunk(2, dim=-1)
        return hidden + self.down(functional.silu(gate) * up)

    def attention(
        self, hidden: Tensor, span: Span, visible: tuple[int, Tensor | None], keys: Tensor, values: Tensor
    ) -> Tensor:
        """Return what the n tokens gather, [n, width]; heads share keys in groups (arXiv 2305.13245)."""
        kv_heads, _, head_dim = keys.shape
        qkv = self.qkv(rms_norm(hidden, self.attention_norm, self.eps)).view(len(hidden), -1, head_dim)
        turned, value = qkv[:, :-kv_heads], qkv[:, -kv_heads:]
        if self.head_norm is not None:
            turned = functional.rms_norm(turned, (head_dim,), eps=self.eps) * self.head_norm
        turned = rotated(turned, span.cosine, span.sine).transpose(0, 1)  # [heads + kv_heads, n, head_dim]
        keys[:, span.start : span.stop] = turned[-kv_heads:]
        values[:, span.start : span.stop] = value.transpose(0, 1)
        first, mask = visible
        gathered = functional.scaled_dot_product_attention(
            turned[None, :-kv_heads],  # [1, heads, n, head_dim]
            keys[:, first : span.stop].unsqueeze(0),
            values[:, first : span.stop].unsqueeze(0),
            attn_mask=mask,
            enable_gqa=True,
        )
        return self.output(gathered[0].transpose(0, 1).reshape(len(hidden), -1))


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Divide ``x`` by its root mean square over the last dimension and scale it (arXiv 1910.07467)."""
    return functional.rms_norm(x, weight.shape, weight, eps)
