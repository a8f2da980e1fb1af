"""Reads a matrix stored at 4 or 8 bits as GGUF files have it: every 32 weights share a scale, at 4 bits a minimum too.

Of ``NAME.weight`` [N, K] a file holds the codes under its own name: uint8 [N, K / 2] at 4 bits, the earlier column in
the low nibble, or int8 [N, K] at 8. Beside them lie ``NAME.weight.group_scale`` and at 4 bits
``NAME.weight.group_min``, float16 [N, K / 32]. A weight is code times scale, plus minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.architecture.checking import Bits
from engine.architecture.form import GROUP, MINIMUM, SCALE


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """The weight [N, K] of ``shape``: ``codes`` uint8 [N, K / 2] or int8 [N, K], ``scale`` float16 [N, K / 32].

    ``minimum``: float16 like ``scale`` at 4 bits, None at 8.
    """

    codes: Tensor
    scale: Tensor
    minimum: Tensor | None
    bits: Bits
    shape: tuple[int, int]

    def dequantised(self) -> Tensor:
        """Return the weight as float32 [N, K]."""
        rows, columns = self.shape
        groups = self.unpacked().view(rows, columns // GROUP, GROUP).float()
        groups.mul_(self.scale[..., None].float())
        if self.minimum is not None:
            groups.add_(self.minimum[..., None].float())
        return groups.view(self.shape)

    def unpacked(self) -> Tensor:
        """Return the codes with a byte each, [N, K]: uint8 0 to 15 at 4 bits, int8 at 8."""
        if self.bits == 8:
            return self.codes
        return torch.stack((self.codes & 15, self.codes >> 4), dim=-1).view(self.shape)

    def between(self, rows: slice) -> Grouped:
        """Return the matrix of the ``rows`` alone."""
        codes, minimum = self.codes[rows], None if self.minimum is None else self.minimum[rows]
        return Grouped(codes, self.scale[rows], minimum, self.bits, (len(codes), self.shape[1]))

    def on(self, device: torch.device) -> Grouped:
        """Return the same matrix on ``device``."""
        minimum = None if self.minimum is None else self.minimum.to(device)
        return replace(self, codes=self.codes.to(device), scale=self.scale.to(device), minimum=minimum)

    def at_four_bits(self) -> Grouped:
        """Return the matrix itself, or one of 4 bits made of its 8."""
        if self.bits == 4:
            return self
        codes, scale, minimum = rounded(self.dequantised().view(*self.scale.shape, GROUP))
        return Grouped(codes[:, ::2] | codes[:, 1::2] << 4, scale, minimum, 4, self.shape)

    def parts(self) -> dict[str, Tensor]:
        """Return what a checkpoint holds of it besides the codes, by the last word of its name."""
        return {SCALE: self.scale} | ({} if self.minimum is None else {MINIMUM: self.minimum})


def rounded(groups: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return codes, 0 to 15, scale and minimum of float32 ``groups`` [N, K / 32, 32], between their least and most.

    Codes: uint8 [N, K], a byte each; the others float16 [N, K / 32].
    """
    low = groups.amin(dim=2).half()
    scale = ((groups.amax(dim=2) - low.float()) / 15).half()
    codes = groups.sub(low.float()[..., None]).mul_(inverse(scale)).round_().clamp_(0, 15)
    return codes.to(torch.uint8).flatten(1), scale, low


def inverse(scale: Tensor) -> Tensor:
    """Return one over ``scale``, zero where it is zero, for every weight of its group."""
    return torch.where(scale == 0, 0, 1 / scale.float())[..., None]


def read_grouped(part: Callable[[str], Tensor], codes: Tensor, shape: tuple[int, int]) -> Grouped:
    """Return the matrix of ``codes``; ``part`` gives its sidecars by name, whose ``layout`` was checked before."""
    bits: Bits = 8 if codes.dtype == torch.int8 else 4
    return Grouped(codes, part(SCALE), part(MINIMUM) if bits == 4 else None, bits, shape)
