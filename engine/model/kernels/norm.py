"""Brings each token to its root mean square."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.model.kernels.launch import kernel, launch

MOST_THREADS = 512


def rms_norm(x: Tensor, weight: Tensor, eps: float, *, idle: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """Divide each row of ``x`` [M, width] by its root mean square and scale it by ``weight`` [width].

    bf16, contiguous, width a multiple of 8; computed in float32 and rounded once. ``idle``: int32 [1] on the device;
    where it is not zero nothing is written. ``out``: where the result is to lie, perhaps beside others: its rows may be
    further apart than they are wide. arXiv 1910.07467.
    """
    tokens, width = x.shape
    y = torch.empty_like(x) if out is None else out
    threads = min(MOST_THREADS, -(-width // 256) * 32)
    code = kernel("rms_norm", "rms_norm", x.device, PIECES=-(-width // (8 * threads)))
    numbers = {"width": width, "stride": y.stride(0), "eps": eps}
    launch(code, x.device, (tokens,), threads, 0, x=x, weight=weight, idle=idle, y=y, **numbers)
    return y
