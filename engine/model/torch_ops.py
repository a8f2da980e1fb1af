"""Computes a layer by torch's own operators: on a CPU without our kernels, and for prompts on a GPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from engine.model.linear import Linear
from engine.model.past import Past
from engine.model.rotary import Rotation, rotated


class TorchOperations:
    """One pass over the positions ``start`` .. ``stop`` - 1."""

    def __init__(self, rotation: Rotation, start: int, stop: int, eps: float) -> None:
        self.start, self.stop, self.eps = start, stop, eps
        self.cosine, self.sine = rotation.between(start, stop)
        self._visible: dict[int | None, tuple[int, Tensor | None]] = {}

    def norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        """Return the norm of ``hidden``."""
        return rms_norm(hidden, weight, self.eps)

    def product(
        self,
        matrix: Linear,
        x: Tensor,
        _ahead: Linear | None,
        /,
        *,
        residual: Tensor | None = None,
        gated: bool = False,
    ) -> Tensor:
        """Return the product."""
        y = matrix(x)
        if gated:
            gate, up = y.chunk(2, dim=-1)
            y = functional.silu(gate) * up
        return y if residual is None else residual + y

    def turn(self, joined: Tensor, head_norm: Tensor | None, past: Past) -> Tensor:
        """Return the queries, [heads, n, head_dim]."""
        kv_heads, head_dim = past.shape
        parts = joined.view(len(joined), -1, head_dim)
        turned, values = parts[:, :-kv_heads], parts[:, -kv_heads:]
        if head_norm is not None:
            turned = functional.rms_norm(turned, (head_dim,), eps=self.eps) * head_norm
        turned = rotated(turned, self.cosine, self.sine).transpose(0, 1)  # [heads + kv_heads, n, head_dim]
        past.write(self.start, turned[-kv_heads:], values.transpose(0, 1))
        return turned[:-kv_heads]

    def attend(self, query: Tensor, past: Past, window: int | None) -> Tensor:
        """Return what they gather."""
        if window not in self._visible:
            self._visible[window] = self._see(window)
        first, mask = self._visible[window]
        return past.attend(query, first, self.stop, mask)

    def _see(self, window: int | None) -> tuple[int, Tensor | None]:
        """Return the first position any of them sees, and an additive mask [n, seen], None where all is seen.

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


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Divide ``x`` by its root mean square over the last dimension and scale it (arXiv 1910.07467)."""
    return functional.rms_norm(x, weight.shape, weight, eps)
