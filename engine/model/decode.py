"""Runs a pass of a few tokens whose positions only the device knows: what CUDA graphs record.

The same layers as ``Transformer.run``, through our own kernels. A token's result depends neither on how many tokens
share its pass nor on where the layers were split, bit for bit: decoding one by one and verifying many agree exactly.
On a CPU ``Transformer.run`` is used instead, so that all that is built on this can be tested without a GPU.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engine.model import kernels
from engine.model.linear import Dense, FourBit, Linear
from engine.model.past import Cache, Past
from engine.model.rotary import Rotation
from engine.model.transformer import Transformer

TOKENS = 16  # of the widest pass that is recorded
WIDE = 128  # of the widest pass of a model whose layers come over the bus: all of them cost it what one does


def decode(
    model: Transformer, hidden: Tensor, layers: range, cache: Cache, start: Tensor, idle: Tensor | None = None
) -> Tensor:
    """Take ``hidden`` [n, width], the states of positions start .. start + n - 1, through ``layers``; [n, width].

    ``start``: int32 [1] on the device; keys and values are written from there on whatever the cache held.
    ``idle``: int32 [1]; where it is not zero a GPU computes nothing and the result is undefined; a CPU ignores it.
    """
    if hidden.device.type == "cpu":
        cache.settle(layers, int(start))
        return model.run(hidden, layers, cache)
    ops = KernelOperations(model.rotation, model.architecture.norm_eps, start, idle)
    for index in itertools.chain.from_iterable(model.near(layers)):
        hidden = model.blocks[index](hidden, ops, cache.layers[index], model.following(index))
    return hidden


def logits(model: Transformer, hidden: Tensor, head: Linear | None = None, idle: Tensor | None = None) -> Tensor:
    """Return the logits [n, vocabulary] of ``hidden`` [n, width] in its dtype; ``head`` as in Transformer.read."""
    head = head or model.head
    if hidden.device.type == "cpu":
        return model.read(hidden, head)
    return spoken(head, kernels.rms_norm(hidden, model.norm, model.architecture.norm_eps, idle=idle), idle)


def spoken(head: Linear, states: Tensor, idle: Tensor | None = None) -> Tensor:
    """Return the logits that ``head`` gives for normed ``states`` [n, width] on a GPU, see ``logits``."""
    if isinstance(head, Dense):  # in one shape, so in one order of sums
        padded = functional.pad(states, (0, 0, 0, -len(states) % TOKENS))
        return torch.cat([head(some) for some in torch.split(padded, TOKENS)])[: len(states)]
    return product(head, states, idle=idle)


def refusal(model: Transformer) -> str:
    """Return why ``model`` cannot be run by ``decode`` on its device, or "" when it can."""
    device, shape = model.device, model.architecture
    if device.type == "cpu":
        return ""
    if kernels.available(device).name != "updraft":
        return kernels.available(device).reason
    matrices = itertools.chain.from_iterable(block.matrices for block in model.blocks)
    if reason := unfit(shape.head_dim, matrices):
        return reason
    if isinstance(model.head, FourBit) and model.head.refusal:
        return f"Its head cannot be multiplied by: {model.head.refusal}."
    return ""


def unfit(head_dim: int, matrices: Iterable[Linear]) -> str:
    """Return why layers with such heads and ``matrices`` cannot be run by our kernels, "" where they can."""
    if head_dim not in kernels.attention.HEAD_DIMS:
        return f"Our attention kernel does not know heads of {head_dim}."
    if not all(isinstance(matrix, FourBit) and not matrix.refusal for matrix in matrices):
        return "Some of its matrices are not at 4 bits, or not in blocks of 64."
    return ""


class KernelOperations:
    """The operations of a layer by our kernels, for one pass from ``start`` on; see ``decode``."""

    def __init__(self, rotation: Rotation, eps: float, start: Tensor, idle: Tensor | None) -> None:
        self.rotation = rotation.cosine.squeeze(1), rotation.sine.squeeze(1)
        self.eps, self.start, self.idle = eps, start, idle

    def norm(self, hidden: Tensor, weight: Tensor, /, out: Tensor | None = None) -> Tensor:
        """Return the norm of ``hidden``, in ``out`` if that is given."""
        return kernels.rms_norm(hidden, weight, self.eps, idle=self.idle, out=out)

    def product(
        self, matrix: Linear, x: Tensor, ahead: Linear | None, /, *, residual: Tensor | None = None, gated: bool = False
    ) -> Tensor:
        """Return the product, gate and residual included."""
        near = _packed(ahead) if ahead else None
        return product(matrix, x, residual=residual, gated=gated, ahead=near, idle=self.idle)

    def turn(self, joined: Tensor, head_norm: Tensor | None, past: Past) -> Tensor:
        """Return the queries, [n, heads, head_dim]."""
        norms = None if head_norm is None else (head_norm[0], head_norm[-1])
        return kernels.rotate(joined, *self.rotation, self.start, *past.held, norms, self.eps, idle=self.idle)

    def attend(self, query: Tensor, past: Past, window: int | None) -> Tensor:
        """Return what they gather."""
        return kernels.attend(query, *past.held, self.start, window, idle=self.idle).view(len(query), -1)


def product(
    matrix: Linear,
    x: Tensor,
    *,
    residual: Tensor | None = None,
    gated: bool = False,
    ahead: Tensor | None = None,
    idle: Tensor | None = None,
) -> Tensor:
    """Return the product with a ``matrix`` of 4 bits on a GPU, see kernels.nf4_linear; TypeError for any other."""
    if not isinstance(matrix, FourBit):
        raise TypeError(f"{type(matrix).__name__} weights are not for this path; see refusal()")
    return kernels.nf4_linear(
        x,
        matrix.packed,
        matrix.scales,
        matrix.code,
        bias=matrix.bias,
        residual=residual,
        gated=gated,
        blocksize=matrix.blocksize,
        ahead=ahead,
        idle=idle,
        few=WIDE,
    )


def _packed(matrix: Linear) -> Tensor | None:
    return matrix.packed if isinstance(matrix, FourBit) else None


def boundaries(layers: range, depths: Sequence[int]) -> list[range]:
    """Return ``layers`` cut after each of ``depths`` (rising, within them)."""
    bounds = [layers.start, *depths, layers.stop]
    return [range(a, b) for a, b in itertools.pairwise(bounds) if a < b]
