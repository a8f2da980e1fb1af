"""Large matrices a piece at a time: what is made of one on the way is never there for all of it at once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

PIECE = 1 << 24  # numbers: 64 MiB in float32


def pieces(*tensors: Tensor, dim: int = 0) -> Iterator[tuple[Tensor, ...]]:
    """Give views of ``tensors``, of one shape, side by side: cut along ``dim``, PIECE numbers at most or one slice."""
    first = tensors[0]
    count = max(1, PIECE * first.shape[dim] // max(1, first.numel()))
    yield from zip(*(torch.split(each, count, dim) for each in tensors), strict=True)
