"""Which drafted tokens are kept, and which token follows them. All arithmetic is float32.

A rule gets the drafted tokens x_1..x_n, the laws ``guess`` they were drawn from (n rows, the proposer's) and the
judge's laws ``own`` at the same positions (n rows, or n + 1 when it may also write a bonus token). It returns how many
tokens are kept and the judge's own token after them, None only if all are kept and ``own`` has no further row.

Exact rules leave the judge's law untouched whatever the proposer is: *block verification* (Sun et al., arXiv
2403.10444, Algorithm 2) judges the window jointly and keeps at least as many tokens in expectation as *token
verification* (Leviathan et al., arXiv 2211.17192, Algorithm 1). Given that the first i tokens are kept, the next one
emitted has exactly the judge's law under both, so windows of any length may be handed on to a further judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from engine.config import Acceptance
from engine.decoding.laws import Laws, Sampler
from engine.model.kernels.reference import divergence

Verdict = tuple[int, int | None]  # how many drafted tokens are kept, the token that follows them
Rule = Callable[[Sequence[int], Laws, Laws, Sampler], Verdict]


def rule_of(acceptance: Acceptance) -> Rule:
    """Return the rule ``acceptance`` names."""
    if acceptance.rule == "fuzzy":
        return lambda tokens, guess, own, sampler: fuzzy(tokens, guess, own, sampler, acceptance.tau)
    return {"block": block, "token": token}[acceptance.rule]


def token(tokens: Sequence[int], guess: Laws, own: Laws, sampler: Sampler) -> Verdict:
    """Keep each token with probability min(1, p/q), one by one, until the first that falls."""
    p, q = _likelihoods(tokens, own), _likelihoods(tokens, guess)
    for i, u in enumerate(sampler.uniform(len(tokens))):
        if u * q[i] >= p[i]:
            return i, _residual(own.probs[i], guess.probs[i], 1.0, sampler)
    return _all_stand(len(tokens), own, sampler)


def block(tokens: Sequence[int], guess: Laws, own: Laws, sampler: Sampler) -> Verdict:
    """Keep the longest prefix whose joint test passes."""
    n = len(tokens)
    if not n:
        return _all_stand(n, own, sampler)  # as what follows would, at once: a lookup often proposes nothing
    weight = _weights(_likelihoods(tokens, own), _likelihoods(tokens, guess))
    surplus = _surplus(guess, own, weight)
    coins = sampler.uniform(n)
    for kept in range(n, 0, -1):
        rest = surplus[kept] + 1 - weight[kept]
        passes = weight[n] if kept == n else surplus[kept] / rest if rest > 0 else 1.0
        if coins[kept - 1] < passes:
            break
    else:
        kept = 0
    if kept == n:
        return _all_stand(n, own, sampler)
    return kept, _residual(own.probs[kept], guess.probs[kept], weight[kept], sampler)


def _weights(p: Sequence[float], q: Sequence[float]) -> list[float]:
    """Return the judge's weight for the first 0, 1, ... n tokens: running products of p/q, each capped at 1."""
    weights = [1.0]
    for i in range(len(p)):
        ratio = p[i] / q[i] if q[i] > 0 else 1.0  # q is 0 only above a fuzzy judge
        weights.append(min(weights[i] * ratio, 1.0))
    return weights


def _surplus(guess: Laws, own: Laws, weights: Sequence[float]) -> list[float]:
    """Return by how much mass the judge's weighted law exceeds the proposer's after 0, 1, ... n - 1 tokens, then 0."""
    n = len(weights) - 1
    scale = own.probs.new_tensor(weights[:n])[:, None]
    return [*(scale * own.probs[:n] - guess.probs[:n]).clamp(min=0).sum(dim=1).tolist(), 0.0]


def fuzzy(tokens: Sequence[int], guess: Laws, own: Laws, sampler: Sampler, tau: float) -> Verdict:
    """LOSSY. Keep each token while judge and proposer differ by at most ``tau`` there (PyramidSD, arXiv 2510.12966).

    The divergence is that of Fuzzy SD's published code, (KL(m||p) + KL(m||q)) / 2 in nats with m = (p + q) / 2, of the
    plain softmax without any sampling settings. At the first failure the token comes from the judge's law. A proposer
    without logits (lookup) has no law to compare, so its tokens are judged exactly.
    """
    if guess.logits is None or own.logits is None:
        return token(tokens, guess, own, sampler)
    n = len(tokens)
    if n:
        differ = divergence(own.logits[:n], guess.logits[:n]).tolist()
        for i in range(n):
            if differ[i] > tau:
                return i, sampler.draw(own.probs[i])
    return _all_stand(n, own, sampler)


def _all_stand(n: int, own: Laws, sampler: Sampler) -> Verdict:
    return n, sampler.draw(own.probs[n]) if len(own) > n else None


def _likelihoods(tokens: Sequence[int], laws: Laws) -> list[float]:
    """Return each token's probability under its own row."""
    if not tokens:
        return []
    ids = torch.tensor(tokens, device=laws.probs.device)[:, None]
    return laws.probs[: len(tokens)].gather(1, ids)[:, 0].tolist()


def _residual(p: Tensor, q: Tensor, weight: float, sampler: Sampler) -> int:
    """Draw from max(weight * p - q, 0), which is what the judge still owes; from p where rounding leaves nothing."""
    owed = (weight * p - q).clamp(min=0)
    return sampler.draw(owed if float(owed.sum()) > 0 else p)
