"""How what is taught moves its weights, and what it learns when: the same for every kind of drafter.

No optimiser has its states in 8 bits: Muon's one momentum, in 16, takes as many bytes as AdamW's two in 8 would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from engine.architecture import Architecture
from engine.decoding.planning.cards import EASIER
from engine.teaching.gains import Gains
from engine.teaching.muon import Muon
from engine.teaching.pupil import RIGHT
from engine.teaching.rounding import BLOCK, rounded
from engine.teaching.worth import worth

MATRIX_RATE, RATE, DECAY, WARM_UP = 0.02, 1e-3, 0.01, 100
SHARP_FROM, SHARP_BY, SHARPEST = 0.25, 0.5, 0.8  # progress from which the overlap itself is learnt, up to which share
LARGE = 200_000_000  # weights from which a GPU holds matrices in 16 bits while they learn
FURTHER = 0.5  # of the usual rates, for weights that have learnt before: they take smaller steps than new ones
ROUND_FROM = 0.85  # progress from which weights are as they will be stored


class Optimised:
    """Weights that learn, with their optimisers: what all Pupils have alike.

    ``steps`` taken and ``tokens`` read so far; ``skipped``: how many steps' gradients were no numbers, int64 ().
    ``begun``: the SHA-256 of every file of weights that it began with, where it began with those of another one.
    """

    def __init__(
        self, learns: nn.Module, matrices: Sequence[nn.Parameter], pace: float = 1.0, *, again: bool = False
    ) -> None:
        """``matrices``: those weights that Muon moves, in 16 bits where they are many; AdamW has the rest.

        ``pace`` multiplies all rates; ``again``: it has been through a course before, and learns the overlap, by
        Gains in the place of Muon.
        """
        self.learns, self.pace, self.again = learns, pace, again
        self.large = matrices[0].is_cuda and sum(each.numel() for each in matrices) > LARGE
        for each in matrices if self.large else ():
            each.data = each.data.bfloat16()
        self.stored = [each for each in learns.parameters() if each.requires_grad and each.ndim == 2]  # at 4 bits
        self.matrices = Muon(() if again else matrices, decay=DECAY)
        self.gains = Gains([each for each in self.stored if each.numel() % BLOCK == 0] if again else [])
        taken = {id(each) for each in (self.gains.weights if again else matrices)}
        rest = [each for each in learns.parameters() if each.requires_grad and id(each) not in taken]
        at_once = True if matrices[0].is_cuda else None  # one kernel, with nothing as large as the weights between
        moved = [*rest, *self.gains.logs]
        self.rest = torch.optim.AdamW(moved, RATE, (0.9, 0.95), weight_decay=0.0, fused=at_once)
        self.steps, self.tokens = 0, 0
        self.begun: Mapping[str, str] = {}
        self.skipped = torch.zeros((), dtype=torch.int64, device=matrices[0].device)

    @property
    def size(self) -> int:
        """See Pupil."""
        return sum(each.numel() for each in self.learns.parameters() if each.requires_grad)

    @property
    def guesses(self) -> int:
        """See Pupil."""
        raise NotImplementedError

    def worth(self, found: Mapping[str, Any], target: Architecture, device: str) -> float:
        """See Pupil."""
        kept = [EASIER * each for each in found[RIGHT]]  # in answers to what people ask
        return worth((*kept, *kept[-1:] * (self.guesses - len(kept))), self.size / target.parameters, device)[0]

    def share(self, progress: float) -> float:
        """Return how much of the loss is the overlap at its temperature; the rest is the divergence."""
        sharp = 1.0 if self.again else (progress - SHARP_FROM) / (SHARP_BY - SHARP_FROM)
        return SHARPEST * min(1.0, max(0.0, sharp))

    def worn(self, progress: float) -> AbstractContextManager[None]:
        """Return the context of a step: towards the end weights are as they will be stored."""
        return rounded(self.stored) if progress >= ROUND_FROM else nullcontext()

    def move(self, progress: float) -> None:
        """Move the weights along their gradients, and clear these. One that is not finite counts for nothing."""
        norm = torch.nn.utils.clip_grad_norm_(self.learns.parameters(), 1.0)
        self.skipped += (~torch.isfinite(norm)).long()  # its clipped gradients are no numbers; nobody waits to see
        for weight in self.learns.parameters():
            if weight.grad is not None:
                weight.grad.nan_to_num_(0.0, 0.0, 0.0)
        self.steps += 1
        flat = 0.0 if self.again else SHARP_FROM
        rate = self.pace * min(1.0, self.steps / WARM_UP) * min(1.0, max(0.01, (1 - progress) / (1 - flat)))
        self.matrices.step(MATRIX_RATE * rate)
        for group in self.rest.param_groups:
            group["lr"] = RATE * rate
        self.gains.gather()
        self.rest.step()
        self.gains.spread()
        self.learns.zero_grad()

    def state(self) -> dict[str, Any]:
        """Return weights, momenta and counts, without copying them."""
        return {
            "drafter": {name: each.detach() for name, each in self.learns.named_parameters() if each.requires_grad},
            "matrices": list(self.matrices.velocity),
            "rest": self.rest.state_dict(),
            "pace": self.pace,
            "begun": dict(self.begun),
            "steps": self.steps,
            "tokens": self.tokens,
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state`` of weights of the same shapes."""
        learnt: Mapping[str, Tensor] = state["drafter"]
        for name, weight in self.learns.named_parameters():
            if weight.requires_grad:
                weight.copy_(learnt[name])
        for velocity, stored in zip(self.matrices.velocity, state["matrices"], strict=True):
            velocity.copy_(stored)
        self.gains.begin()
        self.rest.load_state_dict(state["rest"])
        self.steps, self.tokens = state["steps"], state["tokens"]
        self.pace, self.begun = state.get("pace", self.pace), state.get("begun", {})
