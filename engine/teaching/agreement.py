"""How far a drafter's law agrees with its target's: the loss it learns by, and what it is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

CHUNK = 1 << 25  # probabilities of a law at several positions, each law of them being there at a time
LISTED = 8192  # tokens at most that agree in draws with shared noise: the likeliest; all others have next to nothing
SHARP = 0.7  # temperature that the overlap is learnt and judged at
HITS = 4  # of a drafter's likeliest tokens that are looked at


@dataclass(frozen=True, slots=True)
class Goal:
    """What the target says: its ``states`` (runs, places, width) as its ``head`` [V, width] reads them.

    A drafter has a head for the tokens ``few`` alone; None: for all. Step k at slot j of a run guesses what follows
    place j + k.
    """

    states: Tensor
    head: Tensor
    few: Tensor | None = None

    def laws(self, now: slice, *warmths: float) -> list[Tensor]:
        """Return the laws of ``few`` in the runs ``now``, (runs, places, few) float32: one for each of ``warmths``."""
        full, found = F.linear(self.states[now].to(self.head.dtype), self.head).float(), []
        for warmth, before in zip(warmths, (1.0, *warmths), strict=False):
            if warmth != before:
                full.mul_(before / warmth)  # in place: these are the largest of all
            law = full.softmax(-1)  # one kernel, where a logarithm of sums on the way reads and writes all of it thrice
            found.append(law if self.few is None else law[..., self.few])
        return found

    def spans(self, share: float = 1.0) -> Iterator[slice]:
        """Give the runs that are looked at at a time: a ``share`` of CHUNK, or one."""
        runs = max(1, int(share * CHUNK) // (self.states.shape[1] * len(self.head)))
        for first in range(0, len(self.states), runs):
            yield slice(first, first + runs)

    def numbers(self, places: Tensor) -> Tensor:
        """Return the tokens that stand at ``places`` of a drafter's law."""
        return places if self.few is None else self.few[places]

    def places(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return where ``tokens`` stand in a drafter's law, and which do."""
        if self.few is None:
            return tokens, torch.ones_like(tokens, dtype=torch.bool)
        found = torch.searchsorted(self.few, tokens.contiguous()).clamp(max=len(self.few) - 1)
        return found, self.few[found] == tokens


class Disagreement(torch.autograd.Function):
    """The mean loss of reading ``states`` (steps, runs, slots, width) with ``table`` (few, width), beside the goal.

    ``share`` of it is one minus the overlap of the laws at SHARP, the rest the divergence from the target's law at
    temperature 1, of the tokens the drafter has. ``weight`` (steps, runs, slots). Returns the overlaps besides.
    The gradients are made chunk by chunk on the way, so that no law of all positions is ever kept.
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, table: Tensor, goal: Goal, weight: Tensor, share: float
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and the overlaps at SHARP (steps, runs, slots)."""
        learns, kind = ctx.needs_input_grad[1], goal.head.dtype
        slopes, overlaps = torch.empty_like(states), torch.zeros_like(weight)
        total, of_table = weight.new_zeros(()), torch.zeros_like(table, dtype=torch.float32) if learns else None
        cast, shares = table.to(kind), weight / weight.sum().clamp(min=1e-9)
        for now in goal.spans():
            total += _through(goal, now, states, (cast, of_table), shares, share, slopes, overlaps)
        ctx.save_for_backward(slopes, of_table if of_table is None else of_table.to(table.dtype))
        ctx.mark_non_differentiable(overlaps)
        return total, overlaps

    @classmethod
    def of(cls, states: Tensor, table: Tensor, goal: Goal, weight: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Return the loss, through which gradients flow to ``states`` and ``table``, and the overlaps."""
        found: tuple[Tensor, Tensor] = cls.apply(  # type: ignore[no-untyped-call] # torch leaves it untyped
            states, table, goal, weight, share
        )
        return found

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the states and of the table."""
        slopes, of_table = ctx.saved_tensors
        return above[0] * slopes, None if of_table is None else above[0] * of_table, None, None, None


def _through(
    goal: Goal,
    now: slice,
    states: Tensor,
    tables: tuple[Tensor, Tensor | None],
    weight: Tensor,
    share: float,
    slopes: Tensor,
    overlaps: Tensor,
) -> Tensor:
    """Return the loss of the runs ``now``, and write down their ``slopes`` and ``overlaps``; see Disagreement.

    ``tables``: what states are read with, and its gradient, if there is to be one. No law outlives the call. On a GPU
    the time goes where laws are read and written, so what concerns a whole place is multiplied with its states.
    """
    (table, of_table), slots, total = tables, states.shape[2], weight.new_zeros(())
    plain, sharp = goal.laws(now, 1.0, SHARP)
    certain, mass = torch.special.entr(plain).sum(-1).neg_(), plain.sum(-1)
    for step in range(len(states)):
        part, w, among = states[step, now].to(table.dtype), weight[step, now], slice(step, step + slots)
        own = F.linear(part, table).float()
        surely = own.log_softmax(-1)
        told = torch.einsum("rsv,rsv->rs", plain[:, among], surely)
        total += ((1 - share) * w * (certain[:, among] - told)).sum()
        laws = plain[:, among], sharp[:, among]
        slope, overlaps[step, now] = _slope(own, surely, laws, mass[:, among], share)
        total += (share * w * (1 - overlaps[step, now])).sum()
        slope = slope.to(table.dtype)
        slopes[step, now] = F.linear(slope, table.T).to(slopes.dtype) * w[..., None]
        if of_table is not None:
            of_table += slope.flatten(0, 1).T @ (part * w[..., None].to(part.dtype)).flatten(0, 1)
    return total


def _slope(
    own: Tensor, surely: Tensor, laws: tuple[Tensor, Tensor], mass: Tensor, share: float
) -> tuple[Tensor, Tensor]:
    """Return the gradient of the loss at the scores ``own``, and the overlaps at SHARP.

    ``surely``: the logarithms of the law that they are; both are used up. ``laws``: the target's at 1 and at SHARP.
    """
    plain, sharp = laws
    slope = surely.exp_().mul_((1 - share) * mass[..., None]).sub_(plain, alpha=1 - share)
    q = own.div_(SHARP).softmax(-1)
    less = torch.minimum(sharp, q, out=own)
    overlap = less.sum(-1)
    less.masked_fill_(less >= sharp, 0)  # what is left is where raising the drafter's probability raises the overlap
    slope.sub_(less, alpha=share / SHARP).addcmul_(q, less.sum(-1, keepdim=True), value=share / SHARP)
    return slope, overlap


def shared_noise(p: Tensor, q: Tensor, beyond: Tensor) -> Tensor:
    """Return how often two draws agree that use the same exponential noise, from the laws ``p`` and ``q`` (..., V).

    That is the sum over x of 1 / sum_y max(p_y / p_x, q_y / q_x) [Gumbel coupling]. ``beyond`` (...): what the first
    law has at tokens that are not listed, where the second has nothing.
    """
    rest = torch.zeros_like(beyond)
    if p.shape[-1] > LISTED:
        listed = (p + q).topk(LISTED, -1).indices
        beyond, rest = beyond + p.sum(-1), q.sum(-1)
        p, q = p.gather(-1, listed), q.gather(-1, listed)
        beyond, rest = (beyond - p.sum(-1)).clamp(min=0), (rest - q.sum(-1)).clamp(min=0)
    p, q = p.double().clamp(min=1e-30), q.double().clamp(min=1e-30)
    order = (p / q).argsort(-1, descending=True)
    p, q = p.gather(-1, order), q.gather(-1, order)
    above = p.cumsum(-1) + beyond.double()[..., None]  # where p / q is at least as large
    below = (q.sum(-1, keepdim=True) - q.cumsum(-1)).clamp(min=0) + rest.double()[..., None]
    return (1 / (above / p + below / q)).sum(-1)


@torch.no_grad()
def judged(states: Tensor, table: Tensor, goal: Goal, valid: Tensor, said: Tensor) -> dict[str, list[float]]:
    """Return, step by step at temperature SHARP, how well a drafter guesses.

    ``valid`` (steps, runs, slots): which of ``states`` count; ``said``: the token (steps, runs, slots) that the target
    wrote. "overlap": the mean sum of min(p, q), with true tokens before. "kept": the same where all guesses before were
    kept, as they are when each is judged by itself; "tokens": how many tokens a round of so many guesses gives.
    "noise": how often draws that share their noise agree. "hit@n": how likely the target's token is among n likeliest.
    """
    found: dict[str, list[Tensor]] = {name: [] for name in ("overlap", "chance", "noise", "greedy", "hit")}
    slots, kind = states.shape[2], goal.head.dtype
    for now in goal.spans(share=0.25):  # in float64, and sorted
        part, (sharp,) = goal.states[now], goal.laws(now, SHARP)
        best = F.linear(part.to(kind), goal.head).argmax(-1)
        rows: dict[str, list[Tensor]] = {name: [] for name in found}
        for step in range(len(states)):
            p = sharp[:, step : step + slots]
            q = (F.linear(states[step, now].to(kind), table.to(kind)).float() / SHARP).softmax(-1)
            top = q.topk(HITS, -1).indices
            rows["overlap"].append(torch.minimum(p, q).sum(-1))
            place, known = goal.places(said[step, now])
            ratio = (q.gather(-1, place[..., None]) / p.gather(-1, place[..., None]).clamp(min=1e-30))[..., 0]
            rows["chance"].append(ratio.clamp(max=1) * known)
            rows["noise"].append(shared_noise(p, q, (1 - p.sum(-1)).clamp(min=0)).float())
            rows["greedy"].append((goal.numbers(top[..., 0]) == best[:, step : step + slots]).float())
            rows["hit"].append(p.gather(-1, top).cumsum(-1))
        for name, several in rows.items():
            found[name].append(torch.stack(several))
    whole = {name: torch.cat(several, dim=1) for name, several in found.items()}
    return _told(whole, valid.float())


def _told(whole: dict[str, Tensor], valid: Tensor) -> dict[str, list[float]]:
    valid = valid.cumprod(0)
    counts = valid.sum((1, 2)).clamp(min=1)
    chance = torch.cat((torch.ones_like(whole["chance"][:1]), whole["chance"].cumprod(0)[:-1])) * valid
    kept = (chance * whole["overlap"]).sum((1, 2))
    means = {name: (whole[name] * valid).sum((1, 2)) / counts for name in ("overlap", "noise", "greedy")}
    means["kept"] = kept / chance.sum((1, 2)).clamp(min=1e-9)
    means["tokens"] = 1 + (kept / counts).cumsum(0)
    for rank in range(HITS):
        means[f"hit@{rank + 1}"] = (whole["hit"][..., rank] * valid).sum((1, 2)) / counts
    return {name: [round(value, 4) for value in several.tolist()] for name, several in means.items()}
