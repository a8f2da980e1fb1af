"""Finds out by trying which kernel multiplies by weights of 4 bits on this machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.model.kernels import groups, nf4
from engine.model.kernels.plan import limits

KERNELS_SINCE = 80  # compute capability with bf16 tensor cores and cp.async
TOLERANCE = 5e-3  # relative error against float32: bf16 table entries and activations allow about 2.6e-3
TRIALS = ((48, 64, 1), (200, 1088, 8), (1040, 4608, 16))  # N, K, M: tails of N and K, K split over CTAs

NF4 = (  # the 16 quantiles of arXiv 2305.14314, as bitsandbytes stores them
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)

Made = Callable[[int, int, torch.device, torch.Generator], tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Backend:
    """What multiplies by 4-bit weights: our kernel, or bitsandbytes' public op and the ``reason`` for it in words."""

    name: Literal["updraft", "bitsandbytes"]
    reason: str = ""


@functools.cache
def available(device: torch.device) -> Backend:
    """Compile, run and check our kernel on ``device``; any failure makes bitsandbytes the backend, and says why.

    Raises torch.OutOfMemoryError. Takes about a second the first time on a machine, for the compiler; must not run
    inside a graph capture.
    """
    if device.type != "cuda":
        return Backend("bitsandbytes", "Our kernel needs an NVIDIA GPU.")
    try:
        if limits(device).architecture < KERNELS_SINCE:
            return Backend("bitsandbytes", "Our kernel needs a GPU of compute capability 8.0 or later.")
        worst = max(_error(device, *trial, made) for trial in TRIALS for made in (random_weight, random_groups))
    except torch.OutOfMemoryError:
        raise  # says nothing about our kernel, and must not be remembered
    except ImportError as missing:
        return Backend("bitsandbytes", f"The CUDA packages for Python are not complete: {missing}.")
    except Exception as failure:  # noqa: BLE001 - whatever stops our kernel, the other one may still work
        return Backend("bitsandbytes", f"Our kernel could not be run: {failure}")
    if not worst < TOLERANCE:
        return Backend("bitsandbytes", f"Our kernel's self-test was off by {worst:.1e} of the result.")
    return Backend("updraft")


def _error(device: torch.device, rows: int, columns: int, tokens: int, made: Made) -> float:
    """Return how far our product of random numbers is from float32's, relative to its norm."""
    draw = torch.Generator(device).manual_seed(rows)
    packed, scales, code = made(rows, columns, device, draw)
    x = torch.randn(tokens, columns, generator=draw, device=device).bfloat16()
    exact = x.float() @ dequantised(packed, scales, code, columns).T
    torch.cuda.current_stream(device).synchronize()  # the weights are complete: see nf4.multiply
    return float((nf4.multiply(x, packed, scales, code) - exact).norm() / exact.norm())


def random_weight(
    rows: int, columns: int, device: torch.device, draw: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return packed, absmax and code of a matrix drawn at random, whose products keep about the size of their input."""
    packed = torch.randint(256, (rows * columns // 2,), generator=draw, device=device, dtype=torch.uint8)
    absmax = torch.rand(rows * columns // nf4.BLOCK, generator=draw, device=device) * 4 / columns**0.5
    return packed, absmax, torch.tensor(NF4, device=device)


def random_groups(
    rows: int, columns: int, device: torch.device, draw: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same of a matrix in groups, whose weights are about as often below zero as above it."""
    packed = torch.randint(256, (rows * columns // 2,), generator=draw, device=device, dtype=torch.uint8)
    scale, share = torch.rand(2, rows * columns // groups.GROUP, generator=draw, device=device)
    scale *= 0.5 / columns**0.5
    scales = groups.paired(scale.half(), (-15 * scale * (0.3 + 0.4 * share)).half())
    return packed, scales, torch.arange(16.0, device=device)


def dequantised(packed: Tensor, scales: Tensor, code: Tensor, columns: int) -> Tensor:
    """Return the weight as float32 [N, ``columns``]: of NF4 the high nibble of a byte first, a scale for every 64."""
    if scales.dtype == torch.float16:
        return groups.unpacked(packed, scales, (packed.numel() * 2 // columns, columns), torch.float32)
    codes = torch.stack((packed >> 4, packed & 15), dim=-1).view(-1, nf4.BLOCK)
    return (code[codes.int()] * scales[:, None]).view(-1, columns)
