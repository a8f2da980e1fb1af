"""Weights that hold other values for a while: a student learns through what rounding will make of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def holding(weights: list[nn.Parameter], values: list[Tensor]) -> Iterator[None]:
    """Let ``weights`` hold ``values`` inside, and their own again after: a straight-through estimate."""
    masters = [weight.detach().clone() for weight in weights]
    _fill(weights, values)
    try:
        yield
    finally:
        _fill(weights, masters)


@torch.no_grad()
def _fill(weights: list[nn.Parameter], values: list[Tensor]) -> None:
    shaped = [value.view_as(weight) for value, weight in zip(values, weights, strict=True)]
    torch._foreach_copy_([weight.detach() for weight in weights], shaped)
