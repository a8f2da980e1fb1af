"""The same weights through bitsandbytes' own op: what reading a prompt costs where nobody wrote a kernel."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import torch
from torch import Tensor

from engine.model import Transformer
from engine.model.kernels.linear import by_bitsandbytes
from engine.model.linear import Linear, Nf4


class LibraryNf4(Nf4):
    """An Nf4 that leaves every product to the library."""

    def __call__(self, x: Tensor) -> Tensor:
        """Map [n, K] to [n, N] in x's dtype."""
        return by_bitsandbytes(x, self.packed, self.shape, self.scales, self.blocksize, self.bias)


def by_library(model: Transformer) -> Transformer:
    """Return ``model`` over the same memory, the products of its layers by the library."""
    layers = [
        replace(
            block,
            qkv=_given(block.qkv),
            output=_given(block.output),
            gate_up=_given(block.gate_up),
            down=_given(block.down),
        )
        for block in model.blocks
    ]
    return Transformer(model.architecture, model.embedding, layers, model.norm, model.head)


@torch.inference_mode()
def prefill_seconds(model: Transformer, tokens: int, chunk: int) -> float:
    """Return how long ``model`` on a GPU takes to read a prompt of ``tokens``, ``chunk`` at a time."""
    prompt, cache = torch.full((tokens,), 7, device=model.device), model.new_cache(tokens)
    torch.cuda.synchronize()
    began = time.perf_counter()
    for part in torch.split(prompt, chunk):
        model.run(model.embed(part), range(model.layers), cache)
    torch.cuda.synchronize()
    return time.perf_counter() - began


def _given(matrix: Linear) -> Linear:
    if not isinstance(matrix, Nf4):
        return matrix
    return LibraryNf4(**{field.name: getattr(matrix, field.name) for field in fields(matrix)})
