"""Multiplies by a weight of 4 bits, in bitsandbytes' NF4 layout or in groups of 32, by our own kernel."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from engine.model.kernels.groups import GROUP
from engine.model.kernels.launch import Kernel, counters, kernel, launch
from engine.model.kernels.parameters import Argument
from engine.model.kernels.plan import ROWS, TOKENS, Build, Plan, Tuning, build, limits, plan, tuning

BLOCK = 64  # weights of one absmax
STORE, ADD_RESIDUAL, SILU_MULTIPLY = range(3)  # the kernel's epilogues


def refusal(rows: int, columns: int, blocksize: int, *, groups: bool = False) -> str:
    """Return why the kernel cannot multiply by a weight [``rows``, ``columns``], or "" when it can.

    ``groups``: in groups of ``blocksize``, not NF4; the kernel takes two of them at a time.
    """
    if blocksize != (GROUP if groups else BLOCK) or columns % BLOCK:
        return f"blocks of {BLOCK} that tile K are needed, not blocks of {blocksize} in {columns}"
    if rows * columns // 2 >= 1 << 32:
        return f"{rows} x {columns} weights are more than the kernel's 32-bit offsets reach"
    return ""


def multiply(
    x: Tensor,
    packed: Tensor,
    scales: Tensor,
    code: Tensor,
    *,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    gated: bool = False,
    ahead: Tensor | None = None,
    idle: Tensor | None = None,
    choice: Tuning | None = None,
) -> Tensor:
    """Return ``x`` [M, K] times the weight transposed, bf16 [M, N], each token's row the same whatever M is.

    The arguments are those of ``linear.nf4_linear``, of bf16 but ``packed`` (uint8), ``scales`` (float32 of NF4 in
    blocks of 64, float16 of groups) and ``code`` (float32), contiguous on one CUDA device. Sums are float32, rounded
    once. M above 16 runs in turns of 16. Launches of one device must follow one another, and the weight must be
    complete before the kernel ahead of this one starts. ``choice`` is for benchmarks.
    """
    columns = x.shape[1]
    rows = packed.numel() * 2 // columns // (2 if gated else 1)
    y = x.new_empty(x.shape[0], rows)
    choice, groups = choice or tuning(limits(x.device)), scales.dtype == torch.float16
    height = ROWS // 2 if gated else ROWS
    spread = plan(rows, columns, height, limits(x.device), choice, groups=groups)
    for start in range(0, x.shape[0], TOKENS):
        some = slice(start, start + TOKENS)
        _launch(
            build(choice, len(x[some]), spread.warps, groups=groups),
            spread,
            -(-rows // height),
            x=x[some],
            packed=packed,
            scales=scales,
            code=code,
            bias=bias,
            residual=None if residual is None else residual[some],
            y=y[some],
            idle=idle,
            ahead=ahead,
            ahead_bytes=0 if ahead is None else min(ahead.numel(), choice.ahead),
            epilogue=SILU_MULTIPLY if gated else STORE if residual is None else ADD_RESIDUAL,
        )
    return y


def _launch(variant: Build, spread: Plan, tiles: int, *, x: Tensor, y: Tensor, **given: Argument) -> None:
    """Launch ``variant``, as ``spread`` over the GPU, with the memory in which splits of ``tiles`` add up."""
    launch(
        _kernel(variant, x.device),
        x.device,
        (spread.groups, spread.splits),
        32 * spread.warps,
        variant.shared(spread.warps),
        x=x,
        y=y,
        tokens=len(x),
        rows=y.shape[1],
        columns=x.shape[1],
        partial=_partial(x.device, tiles, variant, spread),
        arrivals=counters(x.device) if spread.splits > 1 else None,
        **given,
    )


@functools.cache
def _kernel(variant: Build, device: torch.device) -> Kernel:
    return kernel(
        "nf4_linear",
        "nf4_linear",
        device,
        variant.shared(variant.max_warps),
        GROUPS=int(variant.groups),
        TOKEN_TILES=variant.token_tiles,
        STAGES=variant.stages,
        REGISTERS=variant.registers,
        TABLE_STRIDE=variant.table_stride,
    )


def _partial(device: torch.device, tiles: int, variant: Build, spread: Plan) -> Tensor | None:
    """Return room for every split's sums: float32 [splits, ``tiles``, token tiles, 128]; None without splits."""
    if spread.splits == 1:
        return None
    return torch.empty(spread.splits, tiles, variant.token_tiles, 128, device=device)
