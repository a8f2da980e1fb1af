"""Students that learn their target's law on its own replies: batches, one step, and a whole course of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from agreement import Disagreement, Reading, overlaps
from llama import Llama
from pruned import normed
from replies import Texts
from torch import Tensor

from engine.teaching.muon import Muon
from engine.teaching.rounding import rounded

SHARE = 0.5  # of a batch's positions, another random half each time, that the loss is taken at
MATRIX_RATE, VECTOR_RATE, DECAY = 0.01, 1e-3, 0.01
WARM_UP = 100  # steps
SHARP_FROM, SHARP_BY, SHARPEST = 0.25, 0.5, 0.8  # progress from which the overlap itself is learnt, up to which share
ROUND_FROM = 0.85  # progress from which weights are as they will be stored
LOOKS = 5  # times the held-out text is looked at from then on; the best is kept
STEP = 64  # documents in a batch are alike in length up to as many tokens


class Pupil:
    """A student with its optimisers, learning the law of all tokens; ``few`` are those it is judged by, or all."""

    def __init__(self, name: str, model: Llama, few: Tensor | None, pace: float = 1.0) -> None:
        """``pace`` multiplies all rates."""
        self.name, self.model, self.few, self.pace = name, model, few, pace
        self.matrices = Muon(model.linears(), decay=DECAY)
        self.scales = [weight for weight in model.parameters() if weight.requires_grad and weight.ndim == 1]
        self.vectors = torch.optim.AdamW(self.scales, VECTOR_RATE, (0.9, 0.95), weight_decay=0.0)
        self.steps, self.skipped = 0, 0
        self.best = -1.0  # overlap so far

    def weights(self) -> dict[str, Tensor]:
        """Return what is learnt, by its name."""
        return {key: weight.detach() for key, weight in self.model.named_parameters() if weight.requires_grad}

    def learn(self, batch: Batch, head: Tensor, progress: float) -> Tensor:
        """Take one step; returns the loss. A step that is not finite changes nothing."""
        share = SHARPEST * min(1.0, max(0.0, (progress - SHARP_FROM) / (SHARP_BY - SHARP_FROM)))
        with rounded(self.model.linears()) if progress >= ROUND_FROM else nullcontext():
            with batch.bfloat16():
                states = normed(self.model, self.model(batch.tokens)[-1].flatten(0, 1)[batch.where])
            loss = Disagreement.of(states, batch.target, head, share)
            torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if torch.isfinite(norm) and torch.isfinite(loss):
            self.steps += 1
            rate = self.pace * min(1.0, self.steps / WARM_UP) * min(1.0, max(0.01, (1 - progress) / (1 - SHARP_FROM)))
            self.matrices.step(MATRIX_RATE * rate)
            for group in self.vectors.param_groups:
                group["lr"] = VECTOR_RATE * rate
            self.vectors.step()
        else:
            self.skipped += 1
        self.model.zero_grad()
        return loss.detach()


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens [rows, time], which of them flat ``where`` are learnt at, and what the ``target``'s head reads there."""

    tokens: Tensor
    where: Tensor
    target: Tensor

    def bfloat16(self) -> torch.autocast:
        """Return the context in which a GPU multiplies in bfloat16."""
        kind = self.tokens.device.type
        return torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda")


def batches(texts: Texts, tokens: int) -> Iterator[tuple[Tensor, int]]:
    """Give the documents of ``texts`` in random order, about ``tokens`` tokens at a time, and the most one has."""
    begin = len(texts.begin)
    sizes = (texts.lengths + begin + STEP - 1) // STEP * STEP
    found: list[tuple[Tensor, int]] = []
    for size in sorted(set(sizes.tolist())):
        some = (sizes == size).nonzero()[:, 0]
        mixed = some[torch.randperm(len(some), device=some.device)]
        found += [(each, size) for each in torch.split(mixed, max(1, tokens // size))]
    for place in torch.randperm(len(found)).tolist():
        yield found[place]


@torch.no_grad()
def batch(target: Llama, texts: Texts, which: Tensor, share: float = 1.0) -> Batch:
    """Return the documents ``which`` with the target's states at a random ``share`` of the replies' positions."""
    tokens, said = texts.batch(which)
    if share < 1:
        said &= torch.rand(said.shape, device=said.device) < share
    where = said.flatten().nonzero()[:, 0]
    return Batch(tokens, where, normed(target, target(tokens)[-1].flatten(0, 1)[where]))


def course(
    target: Llama,
    pupils: list[Pupil],
    texts: Mapping[bool, Texts],
    rows: int,
    progress: Callable[[], float],
    say: Callable[[str], None],
    keep: Callable[[Pupil], None],
) -> None:
    """Teach ``pupils`` until ``progress`` is 1, about ``rows`` tokens a step; ``keep`` is called with what is best."""
    if not len(texts[False].lengths):
        raise SystemExit("There is no reply to learn from: give it more time.")
    pace, looks = Pace(say), 0
    while progress() < 1:
        pace.epoch += 1
        for which, _ in batches(texts[False], rows):
            if (now := progress()) >= 1:
                break
            given = batch(target, texts[False], which, SHARE)
            if len(given.where):
                losses = [pupil.learn(given, target.embed_tokens.weight, now) for pupil in pupils]
                pace.tell(now, given.tokens.numel(), dict(zip((pupil.name for pupil in pupils), losses, strict=True)))
            if now >= ROUND_FROM + (1 - ROUND_FROM) * (looks + 1) / (LOOKS + 1):
                looks += 1
                for pupil in pupils:
                    look(target, pupil, texts[True], say, keep)
    for pupil in pupils:
        look(target, pupil, texts[True], say, keep)
        if pupil.skipped:
            say(f"{pupil.name}: {pupil.skipped} steps were not finite and left out")


@dataclass
class Pace:
    """Says at times how far a course is, its losses, and tokens a second."""

    say: Callable[[str], None]
    epoch: int = 0
    steps: int = 0
    tokens: int = 0
    told: int = 0
    since: float = field(default_factory=time.monotonic)

    def tell(self, progress: float, tokens: int, losses: Mapping[str, Tensor]) -> None:
        """Count one step over ``tokens`` tokens."""
        self.steps, self.tokens = self.steps + 1, self.tokens + tokens
        if self.steps % 200 and self.steps > 3:
            return
        spoken = " ".join(f"{name} {loss.item():.4f}" for name, loss in losses.items())  # waits for the device
        now = time.monotonic()
        speed = (self.tokens - self.told) / (now - self.since) / 1e3
        self.say(
            f"{progress:6.1%} epoch {self.epoch} step {self.steps} {self.tokens / 1e6:.1f} M tokens, "
            f"loss {spoken}, {speed:.0f} ktok/s"
        )
        self.since, self.told = now, self.tokens


def look(target: Llama, pupil: Pupil, held: Texts, say: Callable[[str], None], keep: Callable[[Pupil], None]) -> None:
    """Measure ``pupil`` on some of the held-out text as it would be stored; ``keep`` it if it is the best so far."""
    with rounded(pupil.model.linears()):
        told = measured(target, {pupil.name: (pupil.model, pupil.few)}, held, most=20_000)
    pair = told[f"{pupil.name} -> target"]
    say(f"{pupil.name} after {pupil.steps} steps {pair}")
    if pair["overlap at 0.7"] > pupil.best:
        pupil.best = pair["overlap at 0.7"]
        keep(pupil)


@torch.no_grad()
def measured(
    target: Llama, students: Mapping[str, tuple[Llama, Tensor | None]], texts: Texts, most: int
) -> dict[str, Any]:
    """Return the overlaps of ``students`` and target, lowest level first, at up to ``most`` positions of replies."""
    found: dict[str, list[Tensor]] = {name: [] for name in (*students, "target", "place")}
    count = 0
    for first in range(0, len(texts.lengths), 32):
        which = torch.arange(first, min(first + 32, len(texts.lengths)), device=texts.lengths.device)
        given = batch(target, texts, which)
        _, said = texts.batch(which)
        found["place"].append((said.cumsum(1) - 1).flatten()[given.where])
        found["target"].append(given.target)
        with given.bfloat16():
            for name, (model, _) in students.items():
                found[name].append(normed(model, model(given.tokens)[-1].flatten(0, 1)[given.where]))
        count += len(given.where)
        if count >= most:
            break
    place = torch.cat(found.pop("place"))[:most]
    levels = {
        name: Reading(torch.cat(states)[:most], students[name][1] if name in students else None)
        for name, states in found.items()
    }
    return overlaps(levels, target.embed_tokens.weight, place)
