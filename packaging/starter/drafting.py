"""A drafter that learns from the frozen target: what it is given, one step, and how well it guesses."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from fourbit import worn
from llama import EPSILON, HEAD, Llama
from muon import Muon
from pruned import normed
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from engine.teaching.agreement import Disagreement, Goal, judged
from engine.teaching.block import Block
from engine.teaching.head import Head
from engine.teaching.layer import Sizes

STEPS, SLOTS = 5, 16  # the head drafts so many tokens, from so many rows in a run
LAYERS, BLOCK, RANK = 2, 7, 64  # the block's layers, guesses, and its Markov head's rank
FADE = {"head": 0.65, "block": 0.6}  # weight of a guess beside that of the one before: about how many live to see it
SHARE = {"head": 0.45, "block": 0.6}  # of a batch's positions that the loss is taken at
MATRIX_RATE, RATE, DECAY, WARM_UP = 0.02, 1e-3, 0.01, 100
SHARP_FROM, SHARP_BY, SHARPEST = 0.25, 0.5, 0.8  # progress from which the overlap itself is learnt, up to which share
ROUND_FROM = 0.85  # progress from which weights are as they will be stored


@dataclass(frozen=True, slots=True)
class Text:
    """A batch as the frozen target reads it: states at its taps (depth by depth), and what its head reads.

    ``tokens`` and where the next one is ``said`` by the target, (rows, time).
    """

    tokens: Tensor
    said: Tensor
    taps: Mapping[int, Tensor]
    last: Tensor

    def bfloat16(self) -> torch.autocast:
        """Return the context in which a GPU multiplies in bfloat16."""
        kind = self.tokens.device.type
        return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda")


@torch.no_grad()
def read(target: Llama, tokens: Tensor, said: Tensor) -> Text:
    """Let the target read ``tokens``; its shape says which states are wanted."""
    *found, last = target(tokens)
    return Text(tokens, said, dict(zip(target.shape.exits, found, strict=True)), last)


class Learner:
    """A drafter with its optimisers."""

    def __init__(self, name: str, drafter: Head | Block, target: Llama, pace: float, *, again: bool) -> None:
        """``pace`` multiplies all rates; ``again``: it has been through a course before, and learns the overlap."""
        self.name, self.drafter, self.target, self.pace, self.again = name, drafter, target, pace, again
        self.rounded = [each for each in drafter.parameters() if each.ndim == 2]
        matrices = drafter.matrices()
        self.matrices = Muon(matrices, decay=DECAY)
        taken = {id(each) for each in matrices}
        rest = [each for each in drafter.parameters() if id(each) not in taken]
        self.rest = torch.optim.AdamW(rest, RATE, (0.9, 0.95), weight_decay=0.0)
        self.steps, self.tokens = 0, 0
        self.skipped = torch.zeros((), dtype=torch.int64, device=target.embed_tokens.weight.device)
        self.evaluation: dict[str, Any] = {}
        self.before: list[Any] = []  # what its card says of earlier courses

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
            low, count = (first - slots + 1).clamp(min=1), max(1, round(SHARE[self.name] * length / stride))
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
        table = self.target.embed_tokens.weight
        embedded = F.embedding(text.tokens, table).float()
        begin = (places[..., :1] + torch.arange(slots, device=places.device)).flatten(1)
        with text.bfloat16():
            if isinstance(drafter, Head):
                found = drafter(features, embedded, begin - 1, self.guesses)
            else:
                found = drafter(features, embedded, begin, table[drafter.mask].float(), text.tokens)
        out: Tensor = found.reshape(self.guesses, rows * runs, slots, -1).float()
        return out

    def goal(self, text: Text, places: Tensor) -> Goal:
        """Return what the target says at ``places``."""
        at = places.flatten(1)[..., None].expand(-1, -1, text.last.shape[-1])
        states = normed(self.target, text.last.gather(1, at)).view(-1, places.shape[-1], text.last.shape[-1])
        return Goal(states, self.target.embed_tokens.weight, self.drafter.get_buffer("few"))

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
        counts = counts * (FADE[self.name] ** torch.arange(self.guesses, device=counts.device))[:, None, None]
        with worn(self.rounded) if progress >= ROUND_FROM else nullcontext():
            states = self.states(text, places)
            loss, overlaps = Disagreement.of(states, self.drafter.table(), goal, counts, share)
            whole = loss
            if isinstance(self.drafter, Block):
                sure = F.binary_cross_entropy_with_logits(
                    self.drafter.confidence(states), overlaps.clamp(0, 1), counts, reduction="sum"
                )
                whole = loss + sure / counts.sum().clamp(min=1e-9)
            torch.autograd.backward(whole)
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
        self.tokens += text.tokens.numel()
        return loss.detach()

    @torch.no_grad()
    def measured(self, texts: list[tuple[Tensor, Tensor]], most: int, *, rounded: bool = True) -> dict[str, Any]:
        """Return how well the drafter guesses in ``texts``, at up to ``most`` places to begin at, as it is stored."""
        parts: dict[str, list[Tensor]] = {"states": [], "goal": [], "valid": [], "next": []}
        with worn(self.rounded) if rounded else nullcontext():
            table, count = self.drafter.table().clone(), 0
            for tokens, said in texts:
                text = read(self.target, tokens, said)
                places, valid = self.runs(text, whole=True)
                parts["states"].append(self.states(text, places))
                parts["goal"].append(self.goal(text, places).states)
                parts["valid"].append(self.guessed(valid))
                after = F.pad(tokens[:, 1:], (0, 1)).gather(1, places.flatten(1)).view(places.shape)
                parts["next"].append(self.guessed(after))
                count += int(parts["valid"][-1][0].sum())
                if count >= most:
                    break
        few = self.drafter.get_buffer("few")
        goal = Goal(torch.cat(parts["goal"]), self.target.embed_tokens.weight, few)
        states, valid, said = (torch.cat(parts[name], dim=1) for name in ("states", "valid", "next"))
        return {"places": count, **judged(states, table, goal, valid, said)}


def new(name: str, target: Llama, settings: Mapping[str, Any], few: Tensor, mask: int) -> Head | Block:
    """Return a drafter at its beginning, on the target's device; a target of few layers is tapped where it can be."""
    shape, depth = target.shape, target.shape.layers
    ends = (1, depth - 3)
    spread = (round(ends[0] + step * (ends[1] - ends[0]) / 4) + 1 for step in range(5))
    taps = (2, depth // 2, depth - 3) if name == "head" else tuple(sorted(set(spread)))
    sizes = Sizes(
        *(shape.width, shape.heads, shape.kv_heads, HEAD, shape.mlp, settings["vocab_size"], len(few), taps, depth),
        theta=settings["rope_parameters"]["rope_theta"],
        epsilon=EPSILON,
        context=settings.get("max_position_embeddings", 2048),
    )
    table, norm = target.embed_tokens.weight, target.norm.weight
    mlps = [target.layers[depth - 2 + number].get_submodule("mlp").state_dict() for number in range(LAYERS)]
    drafter: Head | Block
    if name == "head":
        drafter = Head(sizes, few.cpu())
        drafter.to(table.device).begin(table, norm, mlps[0])
    else:
        drafter = Block(sizes, few.cpu(), LAYERS, BLOCK, mask, RANK)
        drafter.to(table.device).begin(table, norm, mlps)
    return drafter
