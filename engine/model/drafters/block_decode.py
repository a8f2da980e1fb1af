"""Runs a block where only the device knows its place in the text: what CUDA graphs record.

What the target made of the last tokens that stand is taken in over again in the same pass, as many as may be new: that
leaves the same keys and values, so nobody has to count on the device.
"""

from __future__ import annotations

import itertools

from torch import Tensor

from engine.model import kernels
from engine.model.decode import KernelOperations, unfit
from engine.model.drafters.block import BlockDrafter
from engine.model.linear import Dense
from engine.model.past import Past

PIECE = 8  # bf16 numbers that our kernels take at a time


def refusal(drafter: BlockDrafter) -> str:
    """Return why ``drafter`` cannot be run here, "" where it can."""
    weights, decoder = drafter.weights, drafter.shape.decoder
    if weights.norm.device.type == "cpu":
        return ""
    matrices = itertools.chain.from_iterable(layer.matrices for layer in weights.layers)
    heads = [] if weights.head is None else [weights.head]
    if reason := unfit(decoder.head_dim, [weights.joining, *matrices, *heads]):
        return reason
    if weights.markov and (drafter.shape.markov % PIECE or not isinstance(weights.markov.spread, Dense)):
        return f"Our kernel does not know Markov heads of rank {drafter.shape.markov}."
    return ""


def decode_block(drafter: BlockDrafter, states: Tensor, hidden: Tensor, began: Tensor, start: Tensor) -> Tensor:
    """Return the normed states [n, width] of a block that begins with ``hidden`` [n, width] at position ``start``.

    ``states``: [m, taps * width], what the target made of the tokens from position ``began`` on; of those from
    ``start`` on, where the text is short, anything. Both positions are int32 [1] on the device.
    """
    if hidden.device.type == "cpu":
        drafter.settle(int(began))
        drafter.take(states)
        drafter.settle(int(start))
        return drafter.block(hidden)
    weights, eps, known = drafter.weights, drafter.shape.decoder.norm_eps, len(states)
    ops = Together(drafter, began, start, known)
    following = [*(layer.qkv for layer in weights.layers), None]
    seen = hidden.new_empty(known + len(hidden), hidden.shape[1])  # what queries, keys and values are made of
    joined = ops.product(weights.joining, states, following[0])
    kernels.rms_norm(joined, weights.context_norm, eps, out=seen[:known])
    for layer, past, ahead in zip(weights.layers, drafter.cache.layers, following[1:], strict=True):
        kernels.rms_norm(hidden, layer.attention_norm, eps, out=seen[known:])
        hidden = layer.beyond(seen, hidden, ops, past, ahead)
    return kernels.rms_norm(hidden, weights.norm, eps)


def take_in(drafter: BlockDrafter, states: Tensor, began: Tensor) -> None:
    """Leave the keys and values of tokens from position ``began`` (int32 [1]) on, as ``decode_block`` does of some."""
    if states.device.type == "cpu":
        drafter.settle(int(began))
        drafter.take(states)
        return
    weights, eps = drafter.weights, drafter.shape.decoder.norm_eps
    ops, following = KernelOperations(drafter.rotation, eps, began, None), [layer.qkv for layer in weights.layers[1:]]
    seen = ops.norm(ops.product(weights.joining, states, weights.layers[0].qkv), weights.context_norm)
    for layer, past, ahead in zip(weights.layers, drafter.cache.layers, [*following, None], strict=True):
        ops.turn(ops.product(layer.qkv, seen, ahead), layer.head_norm, past)


class Together(KernelOperations):
    """The operations of a layer for tokens that see each other, the later ones too, behind ``known`` others.

    Of those keys and values alone are made.
    """

    def __init__(self, drafter: BlockDrafter, began: Tensor, start: Tensor, known: int) -> None:
        rotation, eps = drafter.rotation, drafter.shape.decoder.norm_eps
        super().__init__(rotation, eps, start, None)
        self.early, self.known = KernelOperations(rotation, eps, began, None), known

    def turn(self, joined: Tensor, head_norm: Tensor | None, past: Past) -> Tensor:
        """Return the queries of the tokens behind, [n, heads, head_dim]."""
        self.early.turn(joined[: self.known], head_norm, past)
        return super().turn(joined[self.known :], head_norm, past)

    def attend(self, query: Tensor, past: Past, window: int | None) -> Tensor:  # noqa: ARG002 - they have none
        """Return what they gather."""
        return kernels.attend(query, *past.held, self.start, together=True).view(len(query), -1)
