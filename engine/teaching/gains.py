"""What a drafter that is at 4 bits already can still learn: a factor for every block, its codes staying as they are.

Weights that lie on the 16 levels of a block fall back to them when they are rounded again, unless they have moved half
of the way to the next one; small steps come to nothing. What a whole block is multiplied with is kept in its scale
(PEQA, arXiv 2305.14152).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from engine.teaching.pieces import pieces
from engine.teaching.rounding import BLOCK


class Gains:
    """The factors of ``weights`` as ``logs``, float32 (blocks, 1) each: what an optimiser moves."""

    def __init__(self, weights: Iterable[nn.Parameter]) -> None:
        self.weights = list(weights)
        self.logs = [
            nn.Parameter(each.new_zeros(each.numel() // BLOCK, 1, dtype=torch.float32)) for each in self.weights
        ]
        self._begun = [each.detach().clone() for each in self.weights]

    @torch.no_grad()
    def begin(self) -> None:
        """Take the weights for what is multiplied from here on."""
        for weight, log, begun in zip(self.weights, self.logs, self._begun, strict=True):
            begun.copy_(weight)
            log.zero_()

    @torch.no_grad()
    def gather(self) -> None:
        """Give ``logs`` the gradients that those of the weights come to."""
        for weight, log in zip(self.weights, self.logs, strict=True):
            if weight.grad is not None:
                log.grad = torch.empty_like(log)
                for slope, some, whole in pieces(weight.grad.view(-1, BLOCK), weight.view(-1, BLOCK), log.grad):
                    whole.copy_((slope.float() * some).sum(1, keepdim=True))

    @torch.no_grad()
    def spread(self) -> None:
        """Multiply the weights by what ``logs`` have come to: from where they began, so that 16 bits lose nothing."""
        for weight, log, begun in zip(self.weights, self.logs, self._begun, strict=True):
            for some, first, factor in pieces(weight.view(-1, BLOCK), begun.view(-1, BLOCK), log):
                some.copy_(first.float() * factor.exp())
