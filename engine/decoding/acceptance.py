"""How many proposed tokens stand, by each rule.

``agreeing`` is the exact rule: a token stands if it is the judge's own choice at its position. All levels draw with the
same noise (engine.decoding.noise), so the reply is the judge's, token for token.

``near`` is LOSSY: a token stands while judge and proposer are of much the same mind.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def agreeing(tokens: Sequence[int], choices: Sequence[int]) -> int:
    """Return how many of ``tokens`` are the judge's ``choices`` as well, up to the first that is not."""
    pairs = zip(tokens, choices, strict=False)  # there may be a choice for what follows them
    return next((i for i, (token, choice) in enumerate(pairs) if token != choice), len(tokens))


def near(own: Tensor, guess: Tensor, tau: float) -> int:
    """Return up to where judge and proposer differ by at most ``tau`` (PyramidSD, arXiv 2510.12966): LOSSY.

    ``own``, ``guess``: plain logits [n, vocabulary]. The divergence is that of Fuzzy SD's published code,
    (KL(m||p) + KL(m||q)) / 2 in nats with m = (p + q) / 2, of the plain softmax without any sampling settings.
    """
    differ = divergence(own, guess).tolist()
    return next((i for i, far in enumerate(differ) if not far <= tau), len(differ))


def divergence(a: Tensor, b: Tensor) -> Tensor:
    """Return (KL(m||p) + KL(m||q)) / 2 in nats per row, m = (p + q) / 2: logits float32 [n, vocabulary] twice -> [n].

    A token that both rule out adds nothing; one that only one of them rules out makes it infinite.
    """
    log_p, log_q = a.log_softmax(dim=1), b.log_softmax(dim=1)
    m = (log_p.exp() + log_q.exp()) / 2
    apart = m * (m.clamp(min=1e-38).log() - (log_p + log_q) / 2)
    return apart.where(log_p.maximum(log_q) > -torch.inf, 0).sum(dim=1)
