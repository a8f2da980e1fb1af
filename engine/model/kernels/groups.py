"""Lays out matrices in groups of 32 for our product, and unpacks them: a weight is code times scale, plus minimum."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from engine.model.kernels.launch import Kernel, kernel, launch

GROUP, BLOCK = 32, 64  # weights of a scale, and of what the kernel takes at a time
THREADS = 256  # of a CTA that unpacks
LANE = 16  # weights of a thread of it


def arranged(codes: Tensor) -> Tensor:
    """Return ``codes`` as the kernel reads them: uint8, two a byte, the earlier in the low nibble; whole blocks a row.

    Flat: the earlier in the high nibble, and of each two groups those weights side by side that one lane of four
    multiplies, 8 t to 8 t + 7 of the first and then of the second.
    """
    return (codes << 4 | codes >> 4).view(-1, 2, 4, 4).transpose(1, 2).flatten()


def paired(scale: Tensor, minimum: Tensor) -> Tensor:
    """Return scale and minimum, float16 [N, K / 32] each, of one group after another; flat."""
    return torch.stack((scale, minimum), dim=-1).flatten()


def unpacked(packed: Tensor, scales: Tensor, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """Return the weight [N, K] of ``shape``, rounded once to ``dtype``; ``packed`` and ``scales`` as made above."""
    if packed.is_cuda and dtype == torch.bfloat16:
        return _spread(packed, scales, packed.new_empty(shape, dtype=dtype))
    codes = packed.view(-1, 4, 2, 4).transpose(1, 2).flatten()
    scale, minimum = scales.view(-1, 2).float().unbind(1)
    weight = torch.stack((codes >> 4, codes & 15), dim=1).view(-1, GROUP).float()
    return weight.mul_(scale[:, None]).add_(minimum[:, None]).view(shape).to(dtype)


def _spread(packed: Tensor, scales: Tensor, weight: Tensor) -> Tensor:
    device, pieces = weight.device, weight.numel() // LANE
    ctas = -(-pieces // THREADS)
    launch(_kernel(device), device, (ctas,), THREADS, 0, packed=packed, scales=scales, to=weight, pieces=pieces)
    return weight


@functools.cache
def _kernel(device: torch.device) -> Kernel:
    return kernel("groups", "spread", device)
