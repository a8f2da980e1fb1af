"""Multiplies by a weight of 4 bits, NF4 or in groups, by whichever kernel this machine runs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from engine.account import UNPACKED
from engine.model.kernels import groups, nf4
from engine.model.kernels.backend import available

TILE = 256  # rows of cuBLAS' widest tiles
FLAT = 64  # tokens up to which turns of 16 of our kernel are quicker than unpacking the whole weight


def nf4_linear(
    x: Tensor,
    packed: Tensor,
    scales: Tensor,
    code: Tensor,
    *,
    bias: Tensor | None = None,
    residual: Tensor | None = None,
    gated: bool = False,
    blocksize: int = nf4.BLOCK,
    ahead: Tensor | None = None,
    idle: Tensor | None = None,
    few: int = FLAT,
) -> Tensor:
    """Return ``x`` [M, K] times the weight transposed (+ ``bias`` [N]) in x's dtype, [M, N].

    ``packed``: uint8 [N * K / 2], the earlier code of a byte in the high nibble; ``scales``: of NF4 float32
    [N * K / blocksize], float16 those of groups, laid out by groups.py; ``code``: float32 [16]. ``residual`` [M, N] is
    added; or ``gated``: the first half of the rows is a gate, and the result is silu(gate) * up [M, N / 2]. ``ahead``
    is the packed weight of the next product, a hint. ``idle``: int32 [1] on the device; where it is not zero our kernel
    leaves the result unwritten. Up to ``few`` tokens in bf16, on a GPU whose self-test passed, a token's row does not
    depend on the others or on M. Launches must follow one another in one stream at a time; the weight is read before
    the kernel ahead ends.
    """
    columns = x.shape[1]
    rows = packed.numel() * 2 // columns
    grouped = scales.dtype == torch.float16
    fits = x.dtype == torch.bfloat16 and not nf4.refusal(rows, columns, blocksize, groups=grouped)
    if x.shape[0] <= few and fits and available(x.device).name == "updraft":
        return nf4.multiply(
            x.contiguous(), packed, scales, code, bias=bias, residual=residual, gated=gated, ahead=ahead, idle=idle
        )
    wide = x.is_cuda and x.shape[0] > few and columns % blocksize == 0
    product = unpacked if wide or grouped else by_bitsandbytes
    y = product(x, packed, (rows, columns), scales, blocksize, bias)
    if gated:
        gate, up = y.chunk(2, dim=-1)
        y = functional.silu(gate) * up
    return y if residual is None else y + residual


def unpacked(
    x: Tensor, packed: Tensor, shape: tuple[int, int], scales: Tensor, blocksize: int, bias: Tensor | None
) -> Tensor:
    """Multiply many tokens: a part of the weight at a time is spread to the dtype of ``x`` for a dense product."""
    rows, columns = shape
    packed, scales = packed.view(rows, -1), scales.view(rows, -1)
    y = x.new_empty(x.shape[0], rows)
    step = part_rows(rows, columns * x.element_size())
    for at in range(0, rows, step):
        stop = min(at + step, rows)
        part = packed[at:stop].flatten(), scales[at:stop].flatten(), (stop - at, columns)
        weight = groups.unpacked(*part, x.dtype) if scales.dtype == torch.float16 else _nf4(*part, blocksize, x.dtype)
        torch.mm(x, weight.T, out=y[:, at:stop])
    return y if bias is None else y.add_(bias)


def _nf4(packed: Tensor, absmax: Tensor, shape: tuple[int, int], blocksize: int, dtype: torch.dtype) -> Tensor:
    import bitsandbytes  # noqa: F401 - registers the op

    op = torch.ops.bitsandbytes.dequantize_4bit
    weight: Tensor = op(packed.view(-1, 1), absmax, blocksize, "nf4", shape, dtype)
    return weight


def part_rows(rows: int, row_bytes: int) -> int:
    """Return how many of ``rows`` to unpack at a time: about equal parts, whole tiles of cuBLAS where they can be.

    With parts of 2,340 rows cuBLAS chose kernels that took twice as long as with 2,048.
    """
    parts = -(-rows * row_bytes // UNPACKED)
    each = -(-rows // parts)
    tiled = -(-each // TILE) * TILE
    return tiled if tiled * row_bytes <= UNPACKED else each


def by_bitsandbytes(
    x: Tensor, packed: Tensor, shape: tuple[int, int], absmax: Tensor, blocksize: int, bias: Tensor | None
) -> Tensor:
    """Multiply as the library does by itself: for many tokens it unpacks the whole weight at once."""
    import bitsandbytes  # noqa: F401 - registers the op

    y: Tensor = torch.ops.bitsandbytes.gemm_4bit(x, packed.view(-1, 1), shape, absmax, blocksize, "nf4", bias)
    return y
