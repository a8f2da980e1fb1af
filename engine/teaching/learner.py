"""A drafter that learns from the frozen target: what it is given, one step, and how well it guesses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from engine.teaching import saving
from engine.teaching.agreement import Disagreement, Goal, judged
from engine.teaching.block import Block
from engine.teaching.head import Head
from engine.teaching.muon import Muon
from engine.teaching.pupil import Ends, Text
from engine.teaching.rounding import rounded

STEPS, SLOTS = 5, 16  # the head drafts so many tokens, from so many rows in a run
FADE = {Head: 0.65, Block: 0.6}  # weight of a guess beside that of the one before: about how many live to see it
SHARE = {Head: 0.45, Block: 0.6}  # of a batch's positions that the loss is taken at
MATRIX_RATE, RATE, DECAY, WARM_UP = 0.02, 1e-3, 0.01, 100
SHARP_FROM, SHARP_BY, SHARPEST = 0.25, 0.5, 0.8  # progress from which the overlap itself is learnt, up to which share
ROUND_FROM = 0.85  # progress from which weights are as they will be stored


class Learner:
    """A head or a block with its optimisers: a Pupil."""

    def __init__(self, drafter: Head | Block, ends: Ends, pace: float = 1.0, *, again: bool = False) -> None:
        """``pace`` multiplies all rates; ``again``: it has been through a course before, and learns the overlap."""
        self.drafter, self.ends, self.pace, self.again = drafter, ends, pace, again
        self.kind: type[Head | Block] = type(drafter)
        self.stored = [each for each in drafter.parameters() if each.ndim == 2]  # at 4 bits
        matrices = drafter.matrices()
        self.matrices = Muon(matrices, decay=DECAY)
        taken = {id(each) for each in matrices}
        rest = [each for each in drafter.parameters() if id(each) not in taken]
        self.rest = torch.optim.AdamW(rest, RATE, (0.9, 0.95), weight_decay=0.0)
        self.steps, self.tokens = 0, 0
        self.skipped = torch.zeros((), dtype=torch.int64, device=ends.head.device)

    @property
    def taps(self) -> tuple[int, ...]:
        """See Pupil."""
        return self.drafter.sizes.taps

    @property
    def size(self) -> int:
        """See Pupil."""
        return sum(each.numel() for each in self.drafter.parameters())

    @property
    def guesses(self) -> int:
        """Tokens of a draft."""
        return STEPS if isinstance(self.drafter, Head) else self.drafter.block

    def runs(self, text: Text, *, whole: bool = False) -> tuple[Tensor, Tensor]:
        """Choose places to guess at: of the target's law at each, (rows, runs, places), and which of them count.

        A run of the head begins at a number of rows one after another, one of the block at one. Runs lie anywhere in
        the replies; ``whole``: one behind the other, so that every token of a reply is begun at once.
        """
        slots = SLOTS if isinstance(self.drafter, Head) else 1
        said, device, length = text.said, text.said.device, text.said.shape[1]
        stride = slots if slots > 1 else self.guesses
        first, behind = said.int().argmax(1)[:, None], said.flip(1).int().argmax(1)[:, None]
        if whole:
            start = first + torch.arange(0, length, stride, device=device)
        else:
            low, count = (first - slots + 1).clamp(min=1), max(1, round(SHARE[self.kind] * length / stride))
            start = low + (torch.rand(len(said), count, device=device) * (length - behind - low)).long()
        places = start[..., None] + torch.arange(slots + self.guesses - 1, device=device)
        inside = places.clamp(max=length - 1)
        valid = said.gather(1, inside.flatten(1)).view(places.shape) & (places < length)
        return inside, valid

    def states(self, text: Text, places: Tensor) -> Tensor:
        """Return what the drafter's head reads, (guesses, rows * runs, slots, width)."""
        drafter, (rows, runs, length) = self.drafter, places.shape
        slots = length - self.guesses + 1
        features = torch.cat([text.taps[tap] for tap in drafter.sizes.taps], dim=-1)
        embedded = F.embedding(text.tokens, self.ends.embedding).float()
        begin = (places[..., :1] + torch.arange(slots, device=places.device)).flatten(1)
        with text.bfloat16():
            if isinstance(drafter, Head):
                found = drafter(features, embedded, begin - 1, self.guesses)
            else:
                masked = self.ends.embedding[drafter.mask].float()
                found = drafter(features, embedded, begin, masked, text.tokens)
        out: Tensor = found.reshape(self.guesses, rows * runs, slots, -1).float()
        return out

    def goal(self, text: Text, places: Tensor) -> Goal:
        """Return what the target says at ``places``."""
        at = places.flatten(1)[..., None].expand(-1, -1, text.last.shape[-1])
        states = text.last.gather(1, at).view(-1, places.shape[-1], text.last.shape[-1])
        return Goal(states, self.ends.head, self.drafter.get_buffer("few"))

    def guessed(self, of_places: Tensor) -> Tensor:
        """Return what ``of_places`` (rows, runs, places) is at every guess, (guesses, rows * runs, slots)."""
        flat = of_places.flatten(0, 1)
        slots = flat.shape[1] - self.guesses + 1
        return torch.stack([flat[:, step : step + slots] for step in range(self.guesses)])

    def learn(self, text: Text, progress: float) -> Tensor:
        """Take one step; returns the loss. A gradient that is not finite counts for nothing."""
        sharp = 1.0 if self.again else (progress - SHARP_FROM) / (SHARP_BY - SHARP_FROM)
        share = SHARPEST * min(1.0, max(0.0, sharp))
        places, valid = self.runs(text)
        goal, counts = self.goal(text, places), self.guessed(valid).float()
        counts = counts * (FADE[self.kind] ** torch.arange(self.guesses, device=counts.device))[:, None, None]
        with rounded(self.stored) if progress >= ROUND_FROM else nullcontext():
            states = self.states(text, places)
            loss, overlaps = Disagreement.of(states, self.drafter.table(), goal, counts, share)
            whole = loss
            if isinstance(self.drafter, Block):
                sure = F.binary_cross_entropy_with_logits(
                    self.drafter.confidence(states), overlaps.clamp(0, 1), counts, reduction="sum"
                )
                whole = loss + sure / counts.sum().clamp(min=1e-9)
            torch.autograd.backward(whole)
        self._move(progress)
        self.tokens += text.tokens.numel()
        return loss.detach()

    def _move(self, progress: float) -> None:
        """Move the weights along their gradients, and clear these."""
        norm = torch.nn.utils.clip_grad_norm_(self.drafter.parameters(), 1.0)
        self.skipped += (~torch.isfinite(norm)).long()  # its clipped gradients are no numbers; nobody waits to see
        for weight in self.drafter.parameters():
            if weight.grad is not None:
                weight.grad.nan_to_num_(0.0, 0.0, 0.0)
        self.steps += 1
        flat = 0.0 if self.again else SHARP_FROM
        rate = self.pace * min(1.0, self.steps / WARM_UP) * min(1.0, max(0.01, (1 - progress) / (1 - flat)))
        self.matrices.step(MATRIX_RATE * rate)
        for group in self.rest.param_groups:
            group["lr"] = RATE * rate
        self.rest.step()
        self.drafter.zero_grad()

    def state(self) -> dict[str, Any]:
        """Return all that a learner like this one needs to go on, without copying it."""
        return {
            "few": self.drafter.get_buffer("few"),
            "drafter": {name: weight.detach() for name, weight in self.drafter.named_parameters()},
            "matrices": list(self.matrices.velocity.values()),
            "rest": self.rest.state_dict(),
            "steps": self.steps,
            "tokens": self.tokens,
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state`` of a drafter of the same shape."""
        self.drafter.load_state_dict(state["drafter"])
        for velocity, stored in zip(self.matrices.velocity.values(), state["matrices"], strict=True):
            velocity.copy_(stored)
        self.rest.load_state_dict(state["rest"])
        self.steps, self.tokens = state["steps"], state["tokens"]

    def weights(self) -> dict[str, Tensor]:
        """See Pupil."""
        return saving.weights(self.drafter)

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """See Pupil."""
        saving.restore(self.drafter, weights)

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """See Pupil."""
        saving.save(self.drafter, folder, card)

    @torch.no_grad()
    def measured(self, texts: Iterable[Text], most: int, *, stored: bool = True) -> dict[str, Any]:
        """Return how well the drafter guesses in ``texts``, at up to ``most`` places to begin at.

        ``stored``: as it is with its weights at 4 bits.
        """
        parts: dict[str, list[Tensor]] = {"states": [], "goal": [], "valid": [], "next": []}
        with rounded(self.stored) if stored else nullcontext():
            table, count = self.drafter.table().clone(), 0
            for text in texts:
                places, valid = self.runs(text, whole=True)
                parts["states"].append(self.states(text, places))
                parts["goal"].append(self.goal(text, places).states)
                parts["valid"].append(self.guessed(valid))
                after = F.pad(text.tokens[:, 1:], (0, 1)).gather(1, places.flatten(1)).view(places.shape)
                parts["next"].append(self.guessed(after))
                count += int(parts["valid"][-1][0].sum())
                if count >= most:
                    break
        goal = Goal(torch.cat(parts["goal"]), self.ends.head, self.drafter.get_buffer("few"))
        states, valid, said = (torch.cat(parts[name], dim=1) for name in ("states", "valid", "next"))
        return {"places": count, **judged(states, table, goal, valid, said)}
