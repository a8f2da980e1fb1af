"""Turns queries and keys by their position in the text (RoPE)."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.architecture import Architecture

STEP = 2048  # positions the table gains at least when it grows


class Rotation:
    """Cosines and sines of every position used so far, [positions, 1, head_dim] in the halves layout.

    Computed in float32, on demand up to any position, and kept in the model's ``dtype``: bf16 on a GPU. RoPE is arXiv
    2104.09864, its scaled variants differ only in the frequencies and the factor that ``architecture`` carries.
    """

    def __init__(self, architecture: Architecture, device: torch.device, dtype: torch.dtype) -> None:
        self.frequencies = torch.tensor(architecture.rope, dtype=torch.float32, device=device)  # [head_dim / 2]
        self.scale = architecture.rope_scale
        self.dtype = dtype
        self._grow(min(STEP, architecture.context))

    def between(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return cosine and signed sine, each [stop - start, 1, head_dim], of positions ``start`` .. ``stop`` - 1."""
        if stop > len(self.cosine):
            self._grow(max(stop, len(self.cosine) + STEP))
        return self.cosine[start:stop], self.sine[start:stop]

    def reach(self, positions: int) -> None:
        """Make the table hold ``positions`` at least, so that it is not moved before more are asked for."""
        if positions > len(self.cosine):
            self._grow(positions)

    def _grow(self, positions: int) -> None:
        ramp = torch.arange(positions, dtype=torch.float32, device=self.frequencies.device)
        angles = torch.outer(ramp, self.frequencies).unsqueeze(1)
        cosine, sine = angles.cos() * self.scale, angles.sin() * self.scale
        self.cosine = torch.cat((cosine, cosine), dim=-1).to(self.dtype)
        self.sine = torch.cat((-sine, sine), dim=-1).to(self.dtype)  # the sign of rotate-half folded in


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn each pair (x[..., i], x[..., i + head_dim / 2]) of ``x`` [n, heads, head_dim] by its position's angle."""
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, -1), sine)
