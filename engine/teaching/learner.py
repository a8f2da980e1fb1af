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
from engine.teaching.optimising import Optimised
from engine.teaching.pupil import Ends, Text
from engine.teaching.rounding import rounded

STEPS, SLOTS = 5, 16  # the head drafts so many tokens, from so many rows in a run
FADE = {Head: 0.65, Block: 0.6}  # weight of a guess beside that of the one before: about how many live to see it
SHARE = {Head: 0.45, Block: 0.6}  # of a batch's positions that the loss is taken at


class Learner(Optimised):
    """A head or a block with its optimisers: a Pupil."""

    def __init__(self, drafter: Head | Block, ends: Ends, pace: float = 1.0, *, again: bool = False) -> None:
        """See Optimised."""
        super().__init__(drafter, drafter.matrices(), pace, again=again)
        self.drafter, self.ends = drafter, ends
        self.kind: type[Head | Block] = type(drafter)

    @property
    def taps(self) -> tuple[int, ...]:
        """See Pupil."""
        return self.drafter.sizes.taps

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
        embedded = self.ends.embedded(text.tokens)
        begin = (places[..., :1] + torch.arange(slots, device=places.device)).flatten(1)
        with text.bfloat16():
            if isinstance(drafter, Head):
                found = drafter(features, embedded, begin - 1, self.guesses)
            else:
                masked = self.ends.embedded(text.tokens.new_tensor(drafter.mask))
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
        """Take one step; returns the loss."""
        places, valid = self.runs(text)
        goal, counts = self.goal(text, places), self.guessed(valid).float()
        counts = counts * (FADE[self.kind] ** torch.arange(self.guesses, device=counts.device))[:, None, None]
        with self.worn(progress):
            states = self.states(text, places)
            table = self.drafter.table()
            loss, overlaps = Disagreement.of(states, table, goal, counts, self.share(progress))
            whole = loss
            if isinstance(self.drafter, Block):
                sure = F.binary_cross_entropy_with_logits(
                    self.drafter.confidence(states), overlaps.clamp(0, 1), counts, reduction="sum"
                )
                whole = loss + sure / counts.sum().clamp(min=1e-9)
            torch.autograd.backward(whole)
        self.move(progress)
        self.tokens += text.tokens.numel()
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """See Pupil."""
        return super().state() | {"few": self.drafter.get_buffer("few")}

    def weights(self) -> dict[str, Tensor]:
        """See Pupil."""
        return saving.weights(self.drafter)

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """See Pupil."""
        saving.restore(self.drafter, weights)
        self.gains.begin()

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
                parts["states"].append(self.states(text, places).to(self.ends.head.dtype))  # as they are read
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
