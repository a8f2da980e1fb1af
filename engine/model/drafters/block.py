"""Runs drafters that guess a block of tokens in one pass: DFlash (arXiv 2602.06036) and DSpark (arXiv 2607.05147).

Their layers are those of a decoder but for what they look back on: of every token that stands they see what some layers
of the target made of it, never a state of their own. Keys and values of that are computed once. The rows of a block see
all of it and each other, the later ones too; theirs are overwritten by the next block.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.architecture.drafters.block import BlockShape
from engine.model.drafters.block_weights import BlockWeights
from engine.model.linear import rows_behind
from engine.model.past import STEP, Cache, Past
from engine.model.rotary import Rotation
from engine.model.torch_ops import TorchOperations, rms_norm

WITHOUT_END = 1 << 30  # positions: it may be asked beyond what it was trained for


class BlockDrafter:
    """A drafter and what it has taken in of one conversation: the first ``held`` tokens."""

    def __init__(self, shape: BlockShape, weights: BlockWeights) -> None:
        self.shape, self.weights = shape, weights
        decoder, like = shape.decoder, weights.norm
        self.rotation = Rotation(decoder, like.device, like.dtype)
        sizes = decoder.kv_heads, decoder.head_dim
        self.cache = Cache([Past.empty(sizes, WITHOUT_END, STEP, like.device, like.dtype) for _ in weights.layers])
        queries = decoder.heads * decoder.head_dim
        self.keys_values = [rows_behind(layer.qkv, queries) for layer in weights.layers]

    @property
    def held(self) -> int:
        """How many tokens of the conversation it has taken in."""
        return self.cache.length(self.layers)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self.cache.rewind(length)

    def settle(self, length: int) -> None:
        """Count on what lies at the first ``length`` positions, whoever put it there."""
        self.cache.settle(self.layers, length)

    @property
    def layers(self) -> range:
        """Its layers."""
        return range(len(self.weights.layers))

    def reserve(self, room: int) -> None:
        """Take memory for a conversation of ``room`` tokens at once, so that nothing is moved before it is longer."""
        self.cache.reserve(self.layers, room + self.shape.rows)
        self.rotation.reach(room + self.shape.rows)

    @torch.inference_mode()
    def take(self, states: Tensor) -> None:
        """Take in the next n tokens by what the target made of them: [n, taps * width], tap after tap."""
        if not len(states):
            return
        joined, start = self.weights.joining(states.to(self.weights.norm.dtype)), self.held
        features = rms_norm(joined, self.weights.context_norm, self.shape.decoder.norm_eps)
        stop = start + len(features)
        self.cache.reserve(self.layers, stop)
        ops = TorchOperations(self.rotation, start, stop, self.shape.decoder.norm_eps)
        kv_heads = self.shape.decoder.kv_heads
        for layer, keys_values, past in zip(self.weights.layers, self.keys_values, self.cache.layers, strict=True):
            norms = None if layer.head_norm is None else layer.head_norm[-kv_heads:]
            ops.turn(keys_values(features), norms, past)
        self.cache.settle(self.layers, stop)

    @torch.inference_mode()
    def block(self, hidden: Tensor) -> Tensor:
        """Return the states [n, width], normed, of a block that begins with ``hidden`` [n, width] behind what is held.

        Nothing of it is kept.
        """
        start = self.held
        stop = start + len(hidden)
        self.cache.reserve(self.layers, stop)
        ops = Whole(self.rotation, start, stop, self.shape.decoder.norm_eps)
        for layer, past in zip(self.weights.layers, self.cache.layers, strict=True):
            hidden = layer(hidden, ops, past)
        return rms_norm(hidden, self.weights.norm, self.shape.decoder.norm_eps)

    def confidence(self, state: Tensor, token: int) -> float:
        """Return how sure it is, 0 to 1, of what follows ``token``, by the block's ``state`` [1, width] there.

        1 where it has no such head.
        """
        if self.weights.confidence is None:
            return 1.0
        weight, bias = self.weights.confidence
        known = state.float()
        if len(weight) > known.shape[1] and self.weights.markov is not None:
            known = torch.cat([known, self.weights.markov.row(token).float()], dim=1)
        return float((known @ weight + bias).sigmoid())


class Whole(TorchOperations):
    """The operations of a layer whose tokens see all that is there, what comes behind them in their pass as well."""

    def _see(self, window: int | None) -> tuple[int, Tensor | None]:  # noqa: ARG002 - such layers have none
        return 0, None
