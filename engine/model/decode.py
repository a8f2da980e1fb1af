"""A pass of a few tokens whose positions only the device knows: what CUDA graphs record.

The same layers as ``Transformer.run``, through our own kernels. A token's result depends neither on how many tokens
share its pass nor on where the layers were split, bit for bit: decoding one by one and verifying many agree exactly.
On a CPU ``Transformer.run`` is used instead, so that all that is built on this can be tested without a GPU.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from engine.model import kernels
from engine.model.cache import KVCache
from engine.model.layer import Layer
from engine.model.linear import Dense, Linear, Nf4
from engine.model.transformer import Transformer

TOKENS = 16  # of the widest pass


def decode(
    model: Transformer, hidden: Tensor, layers: range, cache: KVCache, start: Tensor, idle: Tensor | None = None
) -> Tensor:
    """Take ``hidden`` [n, width], the states of positions start .. start + n - 1, through ``layers``; [n, width].

    ``start``: int32 [1] on the device; keys and values are written from there on whatever the cache held.
    ``idle``: int32 [1]; where it is not zero a GPU computes nothing and the result is undefined; a CPU ignores it.
    """
    if hidden.device.type == "cpu":
        for layer in layers:
            cache.lengths[layer] = int(start)
        return model.run(hidden, layers, cache)
    rotation = model.rotation.cosine.squeeze(1), model.rotation.sine.squeeze(1)
    for index in layers:
        following = _first(model.blocks[index + 1].qkv if index + 1 < model.layers else model.head)
        past = cache.keys[index], cache.values[index]
        hidden = _layer(model.blocks[index], hidden, rotation, past, start, idle, following)
    return hidden


def logits(model: Transformer, hidden: Tensor, head: Linear | None = None, idle: Tensor | None = None) -> Tensor:
    """Return the logits [n, vocabulary] of ``hidden`` [n, width] in its dtype; ``head`` as in Transformer.read."""
    head = head or model.head
    if hidden.device.type == "cpu":
        return model.read(hidden, head)
    states = kernels.rms_norm(hidden, model.norm, model.architecture.norm_eps, idle=idle)
    if isinstance(head, Dense):
        whole = functional.pad(states, (0, 0, 0, TOKENS - len(states)))  # one shape, so one order of sums
        return head(whole)[: len(states)]
    return _product(head, states, idle=idle)


def refusal(model: Transformer) -> str:
    """Return why ``model`` cannot be run by ``decode`` on its device, or "" when it can."""
    device, shape = model.device, model.architecture
    if device.type == "cpu":
        return ""
    if kernels.available(device).name != "updraft":
        return kernels.available(device).reason
    if shape.head_dim not in kernels.attention.HEAD_DIMS:
        return f"Our attention kernel does not know heads of {shape.head_dim}."
    matrices = [matrix for block in model.blocks for matrix in (block.qkv, block.output, block.gate_up, block.down)]
    if not all(isinstance(matrix, Nf4) and not matrix.refusal for matrix in matrices):
        return "Some of its matrices are not NF4 in blocks of 64."
    if isinstance(model.head, Nf4) and model.head.refusal:
        return f"Its head cannot be multiplied by: {model.head.refusal}."
    return ""


def _layer(
    block: Layer,
    hidden: Tensor,
    rotation: tuple[Tensor, Tensor],
    past: tuple[Tensor, Tensor],
    start: Tensor,
    idle: Tensor | None,
    following: Tensor | None,
) -> Tensor:
    """Return ``hidden`` one layer up. ``following``: the packed weight to bring near meanwhile."""
    norms = None if block.head_norm is None else (block.head_norm[0], block.head_norm[-1])
    joined = _product(
        block.qkv,
        kernels.rms_norm(hidden, block.attention_norm, block.eps, idle=idle),
        ahead=_first(block.output),
        idle=idle,
    )
    query = kernels.rotate(joined, *rotation, start, *past, norms, block.eps, idle=idle)
    gathered = kernels.attend(query, *past, start, block.window, idle=idle).view(len(hidden), -1)
    hidden = _product(block.output, gathered, residual=hidden, ahead=_first(block.gate_up), idle=idle)
    normed = kernels.rms_norm(hidden, block.mlp_norm, block.eps, idle=idle)
    gated = _product(block.gate_up, normed, gated=True, ahead=_first(block.down), idle=idle)
    return _product(block.down, gated, residual=hidden, ahead=following, idle=idle)


def _product(
    matrix: Linear,
    x: Tensor,
    *,
    residual: Tensor | None = None,
    gated: bool = False,
    ahead: Tensor | None = None,
    idle: Tensor | None = None,
) -> Tensor:
    if not isinstance(matrix, Nf4):
        raise TypeError(f"{type(matrix).__name__} weights are not for this path; see refusal()")
    return kernels.nf4_linear(
        x,
        matrix.packed,
        matrix.absmax,
        matrix.code,
        bias=matrix.bias,
        residual=residual,
        gated=gated,
        blocksize=matrix.blocksize,
        ahead=ahead,
        idle=idle,
    )


def _first(matrix: Linear) -> Tensor | None:
    return matrix.packed if isinstance(matrix, Nf4) else None


def boundaries(layers: range, depths: Sequence[int]) -> list[range]:
    """Return ``layers`` cut after each of ``depths`` (rising, within them)."""
    bounds = [layers.start, *depths, layers.stop]
    return [range(a, b) for a, b in itertools.pairwise(bounds) if a < b]
