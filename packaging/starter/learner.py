"""One model that learns: its loss, its step, and what it says of text it has never seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import corpus
import nf4
import numpy as np
import torch
from llama import Llama, Shape, logits
from plan import DECAY_FROM, HARD, MATRIX_RATE, ROUND_FROM, VECTOR_RATE, WARM_UP, Phase
from team import Team
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from engine.teaching.muon import Muon


@dataclass(frozen=True, slots=True)
class Batch:
    """``tokens`` and the ``labels`` that follow them (rows, length); ``learn`` is 1 where the loss counts."""

    tokens: Tensor
    labels: Tensor
    learn: Tensor


def unpack(rows: Tensor, replies_only: bool) -> Batch:
    """Turn stored rows (rows, length + 1) of int16 into tokens, labels and what counts."""
    wide = rows.int()
    tokens = (wide & 0x7FFF).long()
    learn = (wide[:, 1:] < 0).float() if replies_only else torch.ones_like(wide[:, 1:], dtype=torch.float32)
    return Batch(tokens[:, :-1], tokens[:, 1:], learn)


def judge(
    hidden: Tensor, scale: Tensor, head: Tensor, batch: tuple[Tensor, Tensor], teacher: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the mean loss of reading ``hidden`` (rows, length, width), and the logits it rests on.

    Cross-entropy with the labels; with a ``teacher``'s logits mostly with its law, up to the law's own entropy.
    """
    labels, learn = batch
    read = logits(hidden, scale, head)
    law = F.log_softmax(read.float(), dim=-1)
    loss = -law.gather(-1, labels[..., None])[..., 0]
    if teacher is not None:
        soft = -(F.softmax(teacher.float(), dim=-1) * law).sum(-1)
        loss = HARD * loss + (1 - HARD) * soft
    return (loss * learn).sum() / learn.sum().clamp(min=1), read.detach()


class Learner:
    """A model with its gradients in one piece, so that they travel at once, and its two optimisers."""

    def __init__(self, name: str, shape: Shape, vocabulary: int, team: Team, peak: float = 1.0) -> None:
        torch.manual_seed(len(name))
        self.name, self.team, self.peak = name, team, peak
        self.model = Llama(shape, vocabulary).to(team.device)
        self.judge = judge
        if team.device.type == "cuda":
            self.judge = torch.compile(judge, dynamic=False)
            for layer in self.model.layers:
                layer.compile(dynamic=False)  # one layer is compiled and serves for all
        weights = list(self.model.parameters())
        self.gradient = torch.zeros(sum(weight.numel() for weight in weights), device=team.device)
        parts = torch.split(self.gradient, [weight.numel() for weight in weights])
        for weight, part in zip(weights, parts, strict=True):
            weight.grad = part.view_as(weight)
        linears = self.model.linears()
        self.matrices = Muon(linears)
        known = {id(weight) for weight in linears}
        rest = [weight for weight in weights if id(weight) not in known]
        fused = team.device.type == "cuda"
        self.vectors = torch.optim.AdamW(rest, VECTOR_RATE, (0.9, 0.95), weight_decay=0.01, fused=fused)
        self.steps = 0

    @property
    def readout(self) -> tuple[Tensor, Tensor]:
        """The norm's scale and the head that every depth shares."""
        return self.model.norm.weight, self.model.embed_tokens.weight

    def step(self, progress: float) -> None:
        """Move the weights along the team's mean gradient, clipped to norm 1, and clear it."""
        self.steps += 1
        warmth = min(1.0, self.steps / WARM_UP)
        rate = self.peak * warmth * min(1.0, max(0.01, (1 - progress) / (1 - DECAY_FROM)))
        self.team.average(self.gradient)
        self.gradient *= (1 / (self.gradient.norm() + 1e-6)).clamp(max=1)
        self.matrices.step(MATRIX_RATE * rate)
        for group in self.vectors.param_groups:
            group["lr"] = VECTOR_RATE * rate
        self.vectors.step()
        self.gradient.zero_()

    def rounding(self, progress: float) -> AbstractContextManager[None]:
        """Return the context of a step: near the end the linears wear their NF4 values."""
        return nf4.worn(self.model.linears()) if progress >= ROUND_FROM else nullcontext()

    def save(self, path: Path) -> None:
        """Write the weights, from the first process."""
        if self.team.rank == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(self.model.state_dict(), path)

    def load(self, path: Path) -> None:
        """Read what ``save`` wrote."""
        self.model.load_state_dict(torch.load(path, map_location=self.team.device, weights_only=True))


def learn_target(learner: Learner, batch: Batch, phase: Phase, progress: float) -> Tensor:
    """Take one step of the target: every exit learns from the corpus and from the full depth; return the loss."""
    with learner.rounding(progress):
        with learner.team.bfloat16():
            *exits, last = learner.model(batch.tokens)
            loss, teacher = learner.judge(last, *learner.readout, (batch.labels, batch.learn), None)
            first = learner.steps % phase.stride
            labels, learn, law = (_thin(part, first, phase.stride) for part in (batch.labels, batch.learn, teacher))
            total = loss
            for hidden, weight in zip(exits, phase.exits, strict=True):
                thin = _thin(hidden, first, phase.stride)
                total = total + weight * learner.judge(thin, *learner.readout, (labels, learn), law)[0]
        torch.autograd.backward(total)
    learner.step(progress)
    return loss.detach()


def _thin(values: Tensor, first: int, stride: int) -> Tensor:
    return values[:, first::stride].contiguous()


def learn_students(teacher: Learner, students: list[Learner], batch: Batch, progress: float) -> Tensor:
    """Take one step of every student towards the teacher's law; return the last one's loss."""
    with teacher.team.bfloat16():
        with torch.no_grad():
            laws = logits(teacher.model(batch.tokens)[-1], *teacher.readout)
        for student in students:
            with student.rounding(progress):
                hidden = student.model(batch.tokens)[-1]
                loss, _ = student.judge(hidden, *student.readout, (batch.labels, batch.learn), laws)
                torch.autograd.backward(loss)
            student.step(progress)
    return loss.detach()


@torch.no_grad()
def held_out(learner: Learner, shelves: Mapping[str, corpus.Shelf], sources: Iterable[str], most: int = 96) -> str:
    """Return loss in nats and overlap with the last depth, per depth, on held-out rows' replies, NF4 as exported."""
    rows = corpus.epoch(shelves, dict.fromkeys(sources, 1.0), 512, seed=0)[:most].view(np.int16)
    sums = torch.zeros(2, len(learner.model.shape.exits) + 1)
    counted = 0.0
    weights = learner.model.linears()
    with torch.compiler.set_stance("force_eager"), nf4.worn(weights), learner.team.bfloat16():
        for some in torch.split(torch.from_numpy(rows).to(learner.team.device), 16):
            batch = unpack(some, replies_only=True)
            weight = batch.learn.sum().item()
            counted += weight
            hiddens = learner.model(batch.tokens)
            top = logits(hiddens[-1], *learner.readout).float().softmax(-1)
            for index, hidden in enumerate(hiddens):
                loss, read = judge(hidden, *learner.readout, (batch.labels, batch.learn), None)
                shared = torch.minimum(read.float().softmax(-1), top).sum(-1)
                sums[:, index] += torch.tensor([loss.item() * weight, (shared * batch.learn).sum().item()])
    losses, overlaps = (" ".join(f"{value:.3f}" for value in row) for row in (sums / max(counted, 1)).tolist())
    return f"loss {losses} overlap {overlaps}"
