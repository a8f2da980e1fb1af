"""Multiplies by matrices that stay packed on a CPU: 4 or 8 bits a weight in groups of 32.

A weight is code * scale + minimum, code 0 to 15; at 8 bits code * scale, code -127 to 127; as NF4 the level of its code
times the largest weight of its block. Activations are packed to 8 bits in the same groups as they come, so that
products are of integers; norms, attention and sums stay float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.model.cpu.crew import crew, stage, stages, workers
from engine.model.cpu.layout import GROUP, LANES, LEVELS, NF4, ONE, Format

QUANTISED, MULTIPLIED = 64, 500  # groups that take a microsecond to pack, and five to multiply by


@dataclass(slots=True, eq=False)
class Packed:
    """``x @ W.T + bias`` for a weight W of ``shape`` (N, K), K in whole groups; a row's result does not depend on n.

    ``blocks``: uint8 [N / 8 rounded up, K / 32, bytes of a group of eight rows], laid out as
    engine/model/cpu/product.py says.
    """

    blocks: Tensor
    form: Format
    shape: tuple[int, int]
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Map float32 [n, K] to [n, N]."""
        result = product(self, Activations.of(x))[:, : self.shape[0]]
        return result if self.bias is None else result + self.bias

    def rows(self, which: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return codes int8 [m, K], scales and perhaps minima float16 [m, K / 32] of the rows ``which`` (int64 [m])."""
        lane, at, end = which % LANES, torch.arange(len(which)), self.form.codes
        held = self.blocks[which // LANES]  # [m, groups, bytes]
        groups = held.shape[:2]
        codes = held[..., :end].reshape(*groups, end // (4 * LANES), LANES, 4)[at, :, :, lane]
        if self.form.bits == 4:
            codes = torch.stack((codes & 15, codes >> 4), dim=3)
        numbers = held[..., end:].view(torch.float16).view(*groups, self.form.numbers, LANES)[at, :, :, lane]
        minima = numbers[..., 1].contiguous() if self.form.numbers == 2 else None
        return codes.reshape(len(which), self.shape[1]).view(torch.int8), numbers[..., 0].contiguous(), minima

    def dequantised(self, which: Tensor | None = None) -> Tensor:
        """Return the weight, or its rows ``which`` (int64 [m]), as float32 [m, K]."""
        codes, scales, minima = self.rows(torch.arange(self.shape[0]) if which is None else which)
        worth = (torch.tensor(LEVELS)[codes.int()] - ONE) / ONE if self.form is NF4 else codes
        weight = worth.view(*scales.shape, GROUP) * scales.float()[..., None]
        if minima is not None:
            weight += minima.float()[..., None]
        return weight.view(codes.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """Rows x as codes int8 [n, K], their scales, and the sum of each group's codes times its scale, [n, K / 32]."""

    codes: Tensor
    scales: Tensor
    sums: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Activations:
        """Pack float32 ``x`` [n, K]."""
        x = x.contiguous()
        packed = cls(torch.empty_like(x, dtype=torch.int8), *torch.empty(2, len(x), x.shape[1] // GROUP))
        addresses = (each.data_ptr() for each in (x, packed.codes, packed.scales, packed.sums))
        crew.run(stages([stage("quantise", x.numel() // GROUP, QUANTISED, *addresses)]), workers())
        return packed


def product(weight: Packed, x: Activations) -> Tensor:
    """Return float32 [n, N rounded up to eight]."""
    result = torch.empty(len(x.codes), LANES * len(weight.blocks))
    activations = (part.data_ptr() for part in (x.codes, x.scales, x.sums))
    work = multiplication(weight, (*activations, result.data_ptr()), result.shape[1], len(result))
    crew.run(stages([work]), workers())
    return result


def multiplication(
    weight: Packed, parts: tuple[int, ...], width: int, n: int, bias: int = 0, target: int = 0
) -> list[int]:
    """Return the stage that multiplies by ``weight``; see engine/model/cpu/multiply.py for its arguments.

    ``parts``: addresses of the activations' three parts and of the result, whose rows have ``width`` floats.
    """
    blocks, groups, _ = weight.blocks.shape
    address, grain = weight.blocks.data_ptr(), max(1, MULTIPLIED // groups)
    return stage(f"multiply {weight.form.name}", blocks, grain, address, *parts, bias, target, groups, width, n)
