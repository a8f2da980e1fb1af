"""How far a student's law agrees with its target's: the loss it learns by, and the overlap it is judged by."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

CHUNK = 2048  # positions whose laws are there at a time
JUDGED = (0.7, 1.0)  # temperatures overlaps are told at
SHARP = 0.7  # the one that the overlap is learnt at


class Disagreement(torch.autograd.Function):
    """The mean loss of reading ``hidden`` (n, width) with the frozen ``head`` [V, width], beside the target's.

    ``share`` of it is one minus the overlap of the laws at SHARP, the rest the divergence from the target's law at
    temperature 1. The gradient is made chunk by chunk on the way, so that no law of all positions is ever kept.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, target: Tensor, head: Tensor, share: float) -> Tensor:
        """Return the loss; ``target``: what the head reads in the target, (n, width)."""
        gradient, total = torch.empty_like(hidden), torch.zeros((), device=hidden.device)
        for part, goal, into in zip(*(torch.split(each, CHUNK) for each in (hidden, target, gradient)), strict=True):
            own, law = (F.linear(each.to(head.dtype), head).float() for each in (part, goal))
            log_q, log_p = own.log_softmax(-1), law.log_softmax(-1)
            p = log_p.exp()
            loss = (1 - share) * (p * (log_p - log_q)).sum()
            slope = log_q.exp_().sub_(p).mul_(1 - share)
            if share:
                q, p = (own / SHARP).softmax(-1), (law / SHARP).softmax(-1)
                less = q * (q < p)  # where raising the student's probability raises the overlap
                loss += share * (1 - torch.minimum(p, q).sum(-1)).sum()
                slope += (q * less.sum(-1, keepdim=True)).sub_(less).mul_(share / SHARP)
            total += loss
            into.copy_(F.linear(slope.to(head.dtype), head.T))
        ctx.save_for_backward(gradient / len(hidden))
        return total / len(hidden)

    @classmethod
    def of(cls, hidden: Tensor, target: Tensor, head: Tensor, share: float) -> Tensor:
        """Return the loss, through which gradients flow back to ``hidden``."""
        loss: Tensor = cls.apply(hidden, target, head, share)  # type: ignore[no-untyped-call] # torch leaves it untyped
        return loss

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of ``hidden`` alone."""
        (gradient,) = ctx.saved_tensors
        return above[0] * gradient, None, None, None


@dataclass(frozen=True, slots=True)
class Reading:
    """One level's states (n, width) as its head reads them; ``few``: the tokens it has a head for, None for all."""

    states: Tensor
    few: Tensor | None = None

    def laws(self, head: Tensor, warmth: float) -> Iterator[Tensor]:
        """Give the laws, (CHUNK, V) at a time, float32."""
        for part in torch.split(self.states, CHUNK):
            read = F.linear(part.to(head.dtype), head if self.few is None else head[self.few]).float() / warmth
            if self.few is None:
                yield read.softmax(-1)
            else:
                yield read.new_zeros(len(part), len(head)).index_copy_(1, self.few, read.softmax(-1))


@torch.no_grad()
def overlaps(levels: Mapping[str, Reading], head: Tensor, place: Tensor) -> dict[str, Any]:
    """Return what every two neighbours of ``levels``, and the first and the last, agree in.

    ``place``: how far into its reply each position is, int64 (n,).
    """
    names = list(levels)
    pairs = [*itertools.pairwise(names), *([(names[0], names[-1])] if len(names) > 2 else [])]
    bounds = {"token 0 to 15": (0, 16), "16 to 63": (16, 64), "64 to 159": (64, 160), "160 and later": (160, 1 << 30)}
    found: dict[str, Any] = {"positions": len(place)}
    for low, high in pairs:
        told: dict[str, float] = {}
        for warmth in JUDGED:
            laws = zip(*(levels[level].laws(head, warmth) for level in (low, high)), strict=True)
            shared, alike = (torch.cat(each) for each in zip(*(_alike(*two) for two in laws), strict=True))
            told[f"overlap at {warmth}"] = shared.mean().item()
            if warmth == SHARP:
                told["same greedy token"] = alike.float().mean().item()
                for name, (first, end) in bounds.items():
                    within = (place >= first) & (place < end)
                    if within.any():
                        told[f"overlap at {warmth}, {name}"] = shared[within].mean().item()
        found[f"{low} -> {high}"] = {name: round(value, 4) for name, value in told.items()}
    return found


def _alike(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    return torch.minimum(low, high).sum(-1), low.argmax(-1) == high.argmax(-1)
