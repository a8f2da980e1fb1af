"""Runs passes of any width, each layer once: what a target is run by whose layers come over the bus."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor

from engine.account import GPU
from engine.model.block import Operations
from engine.model.decode import WIDE, KernelOperations, logits
from engine.model.linear import Linear
from engine.model.past import Cache
from engine.model.torch_ops import TorchOperations
from engine.model.transformer import Transformer

FEW = 128  # tokens of a prompt up to which the kernels that decode are quicker, see kernels/NOTES.md


class Wide:
    """A model on a GPU and its ``cache`` of ``room`` positions.

    Its passes leave the same states, keys and values as recorded ones of a model that stays on the GPU, bit for bit,
    however many tokens share them: a layer takes the tokens a few at a time, and all of them before the next comes.
    ``dense_to``: positions before it may be read as a prompt is, by torch's operators.
    """

    def __init__(self, model: Transformer, room: int) -> None:
        self.model, self.cache, self.dense_to = model, model.new_cache(room), 0
        model.rotation.reach(room)

    def run(self, hidden: Tensor, layers: range, cache: Cache) -> Tensor:
        """Take ``hidden`` [n, width] through ``layers``; see Transformer.run."""
        if not layers or not len(hidden):
            return hidden
        model, start = self.model, cache.length(layers)
        cache.reserve(layers, start + len(hidden))
        kinds = self.operations(start, start + len(hidden))
        parts = list(torch.split(hidden, [count for count, _ in kinds]))
        for index in chain.from_iterable(model.near(layers)):
            block, past, following = model.blocks[index], cache.layers[index], model.following(index)
            parts = [block(part, ops, past, following) for part, (_, ops) in zip(parts, kinds, strict=True)]
        cache.settle(layers, start + len(hidden))
        return torch.cat(parts)

    def read(self, hidden: Tensor, head: Linear | None = None) -> Tensor:
        """Return the logits, float32 [n, vocabulary]; see Transformer.read."""
        return torch.cat([logits(self.model, some, head) for some in torch.split(hidden, WIDE)]).float()

    def operations(self, start: int, stop: int) -> list[tuple[int, Operations]]:
        """Return how many tokens to take at a time from position ``start`` on, and by which operations."""
        rotation, eps, device = self.model.rotation, self.model.architecture.norm_eps, self.model.device
        made, dense_to = list[tuple[int, Operations]](), min(stop, self.dense_to)
        if dense_to - start > FEW:
            for at in range(start, dense_to, GPU.chunk):
                end = min(at + GPU.chunk, dense_to)
                made.append((end - at, TorchOperations(rotation, at, end, eps)))
            start = dense_to
        for at in range(start, stop, WIDE):
            first = torch.full((1,), at, dtype=torch.int32, device=device)  # a copy would wait for those of layers
            made.append((min(WIDE, stop - at), KernelOperations(rotation, eps, first, None)))
        return made
