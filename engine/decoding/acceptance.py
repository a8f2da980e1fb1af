"""How many proposed tokens are kept, by each rule.

``agreeing`` is the exact rule: a token is kept if it is the judge's own choice at its position. All levels draw with
the same noise (engine.decoding.noise), so the reply is the judge's, token for token.

The others are LOSSY: each measures how far a position lies from what the judge would do, and ``tolerated`` keeps a
token that is not the judge's choice while that is at most ``tau``. A tau of 0 keeps what ``agreeing`` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from engine.config import Rule

MEMORY = 0.2  # of the running average: the weight of what came before, as published


def agreeing(tokens: Sequence[int], choices: Sequence[int]) -> int:
    """Return how many of ``tokens`` are the judge's ``choices`` as well, up to the first that is not."""
    pairs = zip(tokens, choices, strict=False)  # there may be a choice for what follows them
    return next((i for i, (token, choice) in enumerate(pairs) if token != choice), len(tokens))


def tolerated(tokens: Sequence[int], choices: Sequence[int], far: Sequence[float], tau: float) -> int:
    """Return how many of ``tokens`` are the judge's ``choices`` or at most ``tau`` ``far``, up to the first other."""
    near = zip(tokens, choices, far, strict=False)
    return next((i for i, (token, choice, away) in enumerate(near) if token != choice and not away <= tau), len(tokens))


def measured(rule: Rule, own: Tensor, guess: Tensor, tokens: Sequence[int]) -> list[float]:
    """Return how far each of ``tokens`` is from what the judge would do, in the measure of a lossy ``rule``.

    ``own``, ``guess``: plain logits of judge and proposer, float32 [n, vocabulary], without any sampling settings.
    """
    if rule == "likely":
        return averaged(surprise(own, tokens).tolist())
    if rule == "trusted":
        return highest(doubt(guess).tolist())
    return [float(each) for each in divergence(own, guess)]


def divergence(a: Tensor, b: Tensor) -> Tensor:
    """Return (KL(m||p) + KL(m||q)) / 2 in nats per row, m = (p + q) / 2: logits float32 [n, vocabulary] twice -> [n].

    As in the published code of Fuzzy SD, on which PyramidSD (arXiv 2510.12966) builds. A token that both rule out adds
    nothing; one that only one of them rules out makes it infinite.
    """
    log_p, log_q = a.log_softmax(dim=1), b.log_softmax(dim=1)
    m = (log_p.exp() + log_q.exp()) / 2
    apart = m * (m.clamp(min=1e-38).log() - (log_p + log_q) / 2)
    return apart.where(log_p.maximum(log_q) > -torch.inf, 0).sum(dim=1)


def surprise(own: Tensor, tokens: Sequence[int]) -> Tensor:
    """Return -log p of each token, in nats: logits float32 [n, vocabulary] -> [n]."""
    ids = torch.tensor(tokens, device=own.device)[:, None]
    return -own.log_softmax(dim=1).gather(1, ids)[:, 0]


def averaged(nats: Iterable[float]) -> list[float]:
    """Return the running average by which Consultant Decoding (arXiv 2506.02391) judges; it begins at 0 in a window."""
    found, average = [], 0.0
    for each in nats:
        average = MEMORY * average + (1 - MEMORY) * each
        found.append(average)
    return found


def doubt(guess: Tensor) -> Tensor:
    """Return 1 less what the likeliest token of a row leads the next by: logits float32 [n, vocabulary] -> [n]."""
    first, second = guess.softmax(dim=1).topk(2, dim=1).values.unbind(dim=1)
    return 1 - (first - second)


def highest(doubts: Iterable[float]) -> list[float]:
    """Return the highest so far: behind the first doubtful token TriSpec (arXiv 2601.23180) trusts nobody any more."""
    found, most = [], 0.0
    for each in doubts:
        most = max(most, each)
        found.append(most)
    return found
