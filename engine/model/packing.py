"""Packs matrices for a CPU, a few rows at a time.

So little of them is there twice, and what is between fits the processor's caches, which takes half the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from engine.model.cpu.compiled import Kernels, kernels
from engine.model.cpu.layout import EIGHT, FOUR, GROUP, LANES, NF4, TILE, Format
from engine.model.grouped import Grouped, inverse, rounded
from engine.model.packed import Packed

SLICE = 1 << 19  # weights packed at a time, in whole blocks of rows
Part = tuple[Tensor, Tensor, Tensor | None]  # codes, a byte each [n, K], scales and minima [n, K / 32]


def pack(form: Format, codes: Tensor, scale: Tensor, minimum: Tensor | None, bias: Tensor | None = None) -> Packed:
    """Return the matrix of ``codes``, a byte each [N, K], and float16 ``scale`` and ``minimum`` [N, K / 32].

    Only FOUR has a minimum. Raises ValueError where rows do not hold whole groups.
    """

    def part(rows: slice) -> Part:
        return codes[rows], scale[rows], None if minimum is None else minimum[rows]

    return _filled(form, (len(codes), codes.shape[1]), part, bias)


def pack_grouped(stored: Grouped, bias: Tensor | None = None) -> Packed:
    """Return a matrix that is stored in groups of 32, as it is."""

    def part(rows: slice) -> Part:
        some = stored.between(rows)
        return some.unpacked(), some.scale, some.minimum

    return _filled(FOUR if stored.bits == 4 else EIGHT, stored.shape, part, bias)


def pack_nf4(
    codes: Tensor, absmax: Tensor, shape: tuple[int, int], blocksize: int, bias: Tensor | None = None
) -> Packed:
    """Return the NF4 matrix of ``shape`` with its codes as they are.

    ``codes``: uint8 [N * K / 2], two in each, the earlier one in the high nibble.
    ``absmax``: the largest of every ``blocksize`` weights, which are whole groups; as float16 it is .05 % off at most.
    Raises ValueError where rows do not hold whole groups.
    """
    bytes_, scale = codes.view(shape[0], -1), absmax.half().repeat_interleave(blocksize // GROUP).view(shape[0], -1)

    def part(rows: slice) -> Part:
        held = bytes_[rows]
        return torch.stack((held >> 4, held & 15), dim=2).flatten(1), scale[rows], None

    return _filled(NF4, shape, part, bias)


def quantised_to(
    form: Format, shape: tuple[int, int], rows: Callable[[slice], Tensor], bias: Tensor | None = None
) -> Packed:
    """Return the matrix of ``shape`` packed to FOUR or EIGHT; ``rows`` gives some of its rows, floats of any kind.

    Raises ValueError where rows do not hold whole groups.
    """
    quantise = rounded if form is FOUR else _to_eight
    return _filled(form, shape, lambda some: quantise(rows(some).float().view(-1, shape[1] // GROUP, GROUP)), bias)


def joined(parts: Sequence[Packed]) -> Packed | None:
    """Return matrices of one input as one, by rows; None where their formats differ or rows do not fill blocks."""
    form, columns = parts[0].form, parts[0].shape[1]
    if any(part.form != form or part.shape[0] % LANES for part in parts):
        return None
    biases = [part.bias for part in parts if part.bias is not None]
    blocks = torch.cat([part.blocks for part in parts])
    return Packed(blocks, form, (sum(part.shape[0] for part in parts), columns), torch.cat(biases) if biases else None)


@cache
def refusal() -> str:
    """Return why matrices cannot be packed on this CPU, "" where they can: products held against dense ones."""
    found = kernels()
    if not isinstance(found, Kernels):
        return found.reason
    random = torch.Generator().manual_seed(1)
    x, weight = (torch.randn(n, 5 * GROUP, generator=random) for n in (TILE + 1, 3 * LANES))
    codes = torch.randint(16, weight.shape, generator=random, dtype=torch.uint8)
    matrices = [quantised_to(form, (3 * LANES, 5 * GROUP), lambda rows: weight[rows]) for form in (FOUR, EIGHT)]
    matrices.append(pack(NF4, codes, torch.rand(3 * LANES, 5, generator=random).half(), None))
    for matrix in matrices:
        expected, made = x @ matrix.dequantised().T, matrix(x)
        alone = torch.cat([matrix(row[None]) for row in x])
        if not torch.equal(alone, made) or not (made - expected).norm() < 0.02 * expected.norm():
            return "Our CPU kernels do not compute rightly on this processor."
    return ""


def _filled(form: Format, shape: tuple[int, int], part: Callable[[slice], Part], bias: Tensor | None) -> Packed:
    rows, columns = shape
    if columns % GROUP:
        raise ValueError(f"rows of {columns} weights do not hold whole groups of {GROUP}")
    blocks = torch.empty(-(-rows // LANES), columns // GROUP, form.stride, dtype=torch.uint8)
    step = max(1, SLICE // columns // LANES) * LANES
    for start in range(0, rows, step):
        parts = [each for each in part(slice(start, min(start + step, rows))) if each is not None]
        codes, *numbers = (_lengthened(each, -len(each) % LANES) for each in parts)
        _lay(form, codes, numbers, blocks[start // LANES :][: len(codes) // LANES])
    return Packed(blocks, form, shape, bias)


def _lay(form: Format, codes: Tensor, numbers: Sequence[Tensor], blocks: Tensor) -> None:
    """Put them into ``blocks``, uint8 [n / 8, K / 32, bytes of a group], as engine/model/cpu/product.py reads them."""
    count, groups, _ = blocks.shape
    words = codes.contiguous().view(torch.int32)  # four columns each; faster to move about than their bytes
    if form.bits == 4:
        words = words[:, 0::2] | words[:, 1::2] << 4
    lanes = words.view(count, LANES, groups, -1).permute(0, 2, 3, 1)  # block, group, vector, lane
    blocks[..., : form.codes].view(torch.int32).view(lanes.shape).copy_(lanes)
    lanes = torch.stack([each.half() for each in numbers], dim=2).view(count, LANES, groups, -1).permute(0, 2, 3, 1)
    blocks[..., form.codes :].view(torch.half).view(lanes.shape).copy_(lanes)


def _lengthened(part: Tensor, missing: int) -> Tensor:
    """Return ``part`` with as many rows of zeros behind it."""
    return torch.cat((part, part.new_zeros(missing, *part.shape[1:]))) if missing else part


def _to_eight(groups: Tensor) -> Part:
    scale = (groups.abs().amax(dim=2) / 127).half()
    return groups.mul(inverse(scale)).round_().clamp_(-127, 127).to(torch.int8).flatten(1), scale, None
