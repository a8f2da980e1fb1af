"""From logits to the law a token is drawn from: the same settings at every level, so that exactness holds."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.config import Sampling
from engine.decoding.noise import choices
from engine.decoding.race import drawn
from engine.errors import NoNumbers

LIKELY = 2.0**-10, 2.0**-15, 0.0  # among tokens that likely the last one kept is looked for


@dataclass(frozen=True, slots=True, eq=False)
class Laws:
    """The distributions of some consecutive tokens: row i is the law of token i given all tokens before it.

    ``probs``: float32 [n, vocabulary], each row sums to 1, sampling settings applied. ``logits``: float32
    [n, vocabulary] as the model gave them, or None where no model spoke (lookup). ``positions``: how many
    positions the pass behind them computed.
    """

    probs: Tensor
    logits: Tensor | None
    positions: int = 0

    def __len__(self) -> int:
        return self.probs.shape[0]


class Sampler:
    """One reply's sampling settings and its key, from which every token follows; all levels share it."""

    def __init__(self, sampling: Sampling) -> None:
        """``sampling``: its seed is the key; without one a key is drawn."""
        self.sampling = sampling
        self.key = secrets.randbits(64) if sampling.seed is None else sampling.seed & (2**64 - 1)

    def choose(self, probs: Tensor, position: int) -> list[int]:
        """Draw a token from each row: probs float32 [n, vocabulary], row i the law of ``position`` + i.

        The same position gives the same draw as often as it is asked; a one-hot law gives its token.
        """
        if probs.is_cuda:  # where a vocabulary's row takes longer to fetch than to draw from
            return drawn(self.key, position, probs)
        return choices(self.key, position, probs.numpy())

    def shape(self, logits: Tensor, tape: Sequence[int], mark: int, tokens: Tensor | None = None) -> Tensor:
        """Apply the settings: logits float32 [n, m] -> probabilities of the same shape.

        Row i is the law after ``tape[:mark + i]``; only the repetition penalty looks at those tokens. ``tokens``: int64
        [m], of which the logits are; None for a whole vocabulary. Raises NoNumbers for a row whose highest logit is not
        finite: a NaN is higher than all else.
        """
        s = self.sampling
        if not logits.amax(dim=1).isfinite().all():
            raise NoNumbers
        if s.repetition_penalty != 1:
            logits = _penalised(logits, tape, mark, s.repetition_penalty, tokens)
        if s.temperature == 0:
            return torch.zeros_like(logits).scatter_(1, logits.argmax(dim=1, keepdim=True), 1.0)
        logits = logits / s.temperature
        if 0 < s.top_k < logits.shape[1]:
            logits = logits.masked_fill(logits < logits.topk(s.top_k).values[:, -1:], -torch.inf)
        probs = logits.softmax(dim=1)
        if s.top_p < 1:
            probs = _nucleus(probs, s.top_p)
        if s.min_p > 0:
            probs = probs.masked_fill(probs < s.min_p * probs.amax(dim=1, keepdim=True), 0)
        return probs / probs.sum(dim=1, keepdim=True)


def _penalised(logits: Tensor, tape: Sequence[int], mark: int, penalty: float, tokens: Tensor | None = None) -> Tensor:
    """Make tokens that already occurred less likely: positive logits divided, negative multiplied (CTRL, 2019)."""
    known = logits.shape[1] if tokens is None else 1 + max(int(tokens.max()), *tape[: mark + logits.shape[0] - 1])
    seen = torch.zeros(logits.shape[0], known, dtype=torch.bool, device=logits.device)
    seen[:, torch.tensor(tape[:mark], device=logits.device)] = True
    for row, token in enumerate(tape[mark : mark + logits.shape[0] - 1], start=1):
        seen[row:, token] = True
    seen = seen if tokens is None else seen[:, tokens]
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def _nucleus(probs: Tensor, top_p: float) -> Tensor:
    """Keep per row the likeliest tokens until their mass reaches ``top_p``, all that tie with the last, nothing else.

    float32 [n, vocabulary] twice.
    """
    if probs.device.type == "cpu":
        kept = np.zeros(probs.shape, np.float32)
        for law, likely in zip(probs.numpy(), kept, strict=True):
            tokens = np.flatnonzero(law >= _last(law, top_p))
            likely[tokens] = law[tokens]
        return torch.from_numpy(kept)
    return probs.where(probs >= _least(probs, top_p, 64), 0)


def _last(law: NDArray[np.float32], top_p: float) -> np.float32:
    """Return the probability of the last token kept of ``law``, [vocabulary].

    As ``_least``, on a CPU, where finding the tokens that are likely at all takes a tenth of what torch's topk does.
    """
    for likely in LIKELY:
        falling = -np.sort(-law[law >= likely])
        mass = falling.cumsum(dtype=np.float64).astype(np.float32)
        if len(mass) and mass[-1] >= top_p:
            break
    return np.float32(falling[np.count_nonzero(mass - falling < top_p) - 1])


def _least(probs: Tensor, top_p: float, size: int) -> Tensor:
    """Return per row [n, 1] the probability of the last token kept, looked for among the ``size`` likeliest.

    Sorting a whole vocabulary is slow, so a short head is tried first, and a longer one for the rows whose mass falls
    short: a single flat row would make the others ten times as dear. The answer is the same.
    """
    size = min(size, probs.shape[1])
    head = probs.topk(size).values  # [n, size], falling
    before = head.cumsum(dim=1) - head
    least = head.where(before < top_p, torch.inf).amin(dim=1, keepdim=True)
    short = before[:, -1] < top_p  # the last one may still not be the last to keep
    if size < probs.shape[1] and bool(short.any()):
        least[short] = _least(probs[short], top_p, 8 * size)
    return least
