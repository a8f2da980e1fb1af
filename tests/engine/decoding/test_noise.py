"""The noise of a reply: the published generator, draws that follow a law, and two laws that agree as they should."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from engine.decoding.noise import arrivals, choices, numbers, philox
from tests.engine.decoding.tables import joint_law

LEAST = 1e-4  # chance of a false alarm
P, Q = [0.5, 0.3, 0.15, 0.05], [0.2, 0.3, 0.1, 0.4]


def draws(law: list[float], key: int, positions: int) -> list[int]:
    """Return the draws of one law at positions 0, 1, ..."""
    return choices(key, 0, np.tile(np.array(law, np.float32), (positions, 1)))


def test_philox() -> None:
    """Another generator than the published one has no reason to be random (the authors' known answers)."""
    known = {
        (0, 0, 0): (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        (12345, 7, 9): tuple(by_hand(12345, 7, 9)),
        (2**64 - 5, 2**32 - 1, 2**31): tuple(by_hand(2**64 - 5, 2**32 - 1, 2**31)),
    }
    for (key, low, high), words in known.items():
        assert tuple(philox(key, np.array([3, low]), np.array([3, high]))[:, 1].tolist()) == words


def by_hand(key: int, low: int, high: int) -> list[int]:
    """Return the words one number at a time, as the paper has it."""
    x, k, mask = [low, high, 0, 0], [key & 0xFFFFFFFF, key >> 32], 0xFFFFFFFF
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(b >> 32) ^ x[1] ^ k[0], b & mask, (a >> 32) ^ x[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return x


def test_every_token_at_every_position_has_noise_of_its_own() -> None:
    """Exponential, and the same in any company."""
    positions, tokens = np.divmod(np.arange(30_000), 10)
    bits = numbers(5, positions, tokens)
    found = arrivals(bits, np.ones(30_000, np.float32))
    assert kstest(found, "expon").pvalue > LEAST
    assert len(set(bits.tolist())) > 29_990
    some = np.array([12, 13, 400, 402, 29_999])
    assert np.array_equal(numbers(5, positions[some], tokens[some]), bits[some])
    assert not np.isin(numbers(6, positions[some], tokens[some]), bits).any()
    ends = arrivals(np.array([0, 2**32 - 1], np.uint32), np.ones(2, np.float32))
    assert 0 < ends[0] < ends[1] < np.inf


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
def test_the_first_is_found_in_any_company(share: float) -> None:
    """Laws that keep few tokens and those that keep many go other ways; the winner is the same."""
    dice, tokens = np.random.default_rng(3), np.arange(403)
    for key in range(30):
        laws = dice.random((3, 403)).astype(np.float32) ** 8
        laws[:, 5] += 1e-6
        laws[(dice.random(laws.shape) >= share) & (tokens != 5)] = 0
        drawn = choices(key, 9, laws)
        for row, law in enumerate(laws):
            times = arrivals(numbers(key, np.full(403, 9 + row), tokens), np.maximum(law, 1e-30))
            assert drawn[row] == times.argmin() == choices(key, 9 + row, law[None])[0]


@pytest.mark.parametrize("law", [P, [0.001, 0.009, 0.99], [1 / 7] * 7], ids=["uneven", "rare", "even"])
def test_draws_follow_the_law(law: list[float]) -> None:
    """A biased draw is a reply of another model; chi-square over 6,000 positions, and over as many keys of one."""
    counts = Counter(draws(law, 3, 6_000))
    observed = [counts[token] for token in range(len(law))]
    assert chisquare(observed, [p * 6_000 for p in law]).pvalue > LEAST
    counts = Counter(draws(law, key, 2)[1] for key in range(1_000))
    assert chisquare([counts[token] for token in range(len(law))], [p * 1_000 for p in law]).pvalue > LEAST


def test_two_laws_agree_as_often_as_they_should() -> None:
    """Both choices together have a law that can be integrated: each alone right and agreeing too often is possible."""
    law, counts = joint_law(P, Q), Counter(zip(draws(P, 3, 6_000), draws(Q, 3, 6_000), strict=True))
    assert [sum(row) for row in law] == pytest.approx(P)
    assert [sum(column) for column in zip(*law, strict=True)] == pytest.approx(Q)
    pairs = [(a, b) for a in range(4) for b in range(4)]
    never = [pair for pair in pairs if law[pair[0]][pair[1]] == 0]
    assert not any(counts[pair] for pair in never)
    likely = [pair for pair in pairs if pair not in never]
    assert chisquare([counts[pair] for pair in likely], [6_000 * law[a][b] for a, b in likely]).pvalue > LEAST
    apart = sum(abs(p - q) for p, q in zip(P, Q, strict=True)) / 2
    assert (1 - apart) / (1 + apart) < sum(law[a][a] for a in range(4)) < 1 - apart
