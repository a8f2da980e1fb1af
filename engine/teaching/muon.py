"""Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal, batched over equal shapes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from engine.teaching.pieces import pieces

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # quintic that drives singular values towards 1, from the author's post
BATCH = 1 << 26  # weights that are moved together at most: what that takes is there a few times in between


@torch.no_grad()
def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Return (count, rows, columns) with rows <= columns whose singular values are near 1, bfloat16.

    On a CPU float32: most multiply batches in 16 bits one number at a time. Where ``matrices`` have that dtype already,
    it is their own memory that holds them then.
    """
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16() if matrices.is_cuda else matrices.float()
    x.div_(x.norm(dim=(1, 2), keepdim=True) * 1.02 + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        mixed = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        for (some,) in pieces(x, dim=2):  # a column of the next is made of that column alone
            some.copy_(torch.baddbmm(some, mixed, some, beta=a))
    return x


class Muon:
    """Steps 2-D weights by the orthogonalised Nesterov momentum of their gradients.

    ``velocity``: the momenta (count, rows, columns) of each of ``groups``, bfloat16: what is made of them is no finer.
    """

    def __init__(self, weights: Iterable[nn.Parameter], momentum: float = 0.95, decay: float = 0.1) -> None:
        self.momentum, self.decay = momentum, decay
        alike: dict[tuple[int, int], list[nn.Parameter]] = {}
        for weight in weights:
            low, high = sorted(weight.shape)
            alike.setdefault((low, high), []).append(weight)
        self.groups: list[list[nn.Parameter]] = []
        for (low, high), several in alike.items():
            most = max(1, BATCH // (low * high))
            self.groups += [several[first : first + most] for first in range(0, len(several), most)]
        self.velocity = [
            torch.zeros(len(group), *sorted(group[0].shape), dtype=torch.bfloat16, device=group[0].device)
            for group in self.groups
        ]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every weight by at most ``rate`` per singular direction, times sqrt(rows / columns) if tall.

        Uses the gradients up: a large one is made into its update where it lies.
        """
        for group, velocity in zip(self.groups, self.velocity, strict=True):
            each = [_wide(weight.grad) for weight in group if weight.grad is not None]
            gradient = torch.stack(each) if len(each) > 1 else each[0][None]
            for slope, speed in pieces(gradient, velocity, dim=1):
                moved = speed.to(slope.dtype).lerp_(slope, 1 - self.momentum)
                speed.copy_(moved)  # itself, where gradients have 16 bits as well
                slope.lerp_(moved, self.momentum)
            for weight, direction in zip(group, orthogonal(gradient).unbind(), strict=True):
                rows, columns = weight.shape
                kept, far = 1 - rate * self.decay, rate * max(1, rows / columns) ** 0.5
                for some, way in pieces(weight, _wide(direction, like=weight)):
                    _set(some, some.float().mul(kept).sub_(way, alpha=far))


def _set(weight: Tensor, value: Tensor) -> None:
    """Give ``weight`` a float32 ``value``: in 16 bits the one above or below by chance, so that small steps add up.

    ``value`` is used up.
    """
    if weight.dtype == torch.bfloat16:
        bits = value.view(torch.int32)
        bits.add_(torch.randint_like(bits, 1 << 16)).bitwise_and_(-1 << 16)
    weight.copy_(value)


def _wide(matrix: Tensor, like: Tensor | None = None) -> Tensor:
    """Transpose a tall matrix to a wide one; with ``like``, transpose back to its shape."""
    if like is None:
        return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    return matrix if matrix.shape == like.shape else matrix.mT
