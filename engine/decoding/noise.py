"""The random numbers of a reply: one for each token at each position, whoever asks and however often.

A token is drawn from a law p by a race: token x arrives after E(x) / p(x), where the E are independent exponentials,
and the first one is the draw. All levels of a hierarchy draw position i with the same E, so what a level would write
there depends on its own law alone, and two levels whose laws are alike mostly write the same (Daliri, Musco, Suresh,
arXiv 2408.07978). The E come from the reply's key by Philox4x32-10 (Salmon et al., SC 2011), as in the kernels.

Each E is a function of 32 random bits: a token of probability p is drawn with a relative error below 2**-64 / p**2. The
race is run in float64 here and in float32 on a GPU; both name the same winner unless the first two are nearer to each
other than 1e-6 of their time, which is about as seldom.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], np.uint64)
WEYL = 0x9E3779B9, 0xBB67AE85  # by which the two words of a key rise from round to round
ROUNDS = 10
SHARED = 4  # tokens in a row that one turn of the generator serves
UNIT = 2.0**-32  # of the random bits

Integers = NDArray[np.int64]


def philox(key: int, low: Integers, high: Integers) -> NDArray[np.uint32]:
    """Return the four words [4, n] of Philox4x32-10 for a 64-bit ``key`` and counters whose words are low, high, 0, 0.

    ``low``, ``high``: [n], below 2**32.
    """
    even, odd = np.zeros((2, 2, len(low)), np.uint32)
    even[0], odd[0] = low, high
    for of_round in _schedule(key):
        products = even * MULTIPLIERS  # uint64 [2, n]
        halves = products[::-1].view(np.uint32)  # [2, 2 n], the lower half of each first
        even, odd = halves[:, 1::2] ^ odd ^ of_round, halves[:, ::2]
    return np.stack((even[0], odd[0], even[1], odd[1]))


@lru_cache(maxsize=4)
def _schedule(key: int) -> NDArray[np.uint32]:
    """Return the key of each round, [ROUNDS, 2, 1]."""
    words = (key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF)
    keys = [[word + turn * step & 0xFFFFFFFF for word, step in zip(words, WEYL, strict=True)] for turn in range(ROUNDS)]
    return np.array(keys, np.uint32)[:, :, None]


def numbers(key: int, positions: Integers, tokens: Integers) -> NDArray[np.uint32]:
    """Return the random bits of each of ``tokens`` at its position, [n] each; neighbours should come together."""
    groups = tokens // SHARED
    fresh = np.ones(len(groups), np.bool_)  # where another turn of the generator is due
    fresh[1:] = (groups[1:] != groups[:-1]) | (positions[1:] != positions[:-1])
    words = philox(key, groups[fresh], positions[fresh])
    mine: NDArray[np.uint32] = words[tokens % SHARED, fresh.cumsum() - 1]
    return mine


def arrivals(bits: NDArray[np.uint32], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return when each of some tokens arrives, [n], by its random bits and its weight."""
    times: NDArray[np.float64] = -np.log1p((bits + 0.5) * -UNIT) / weights
    return times


def first(bits: NDArray[np.uint32], weights: NDArray[np.float32]) -> int:
    """Return which of some tokens arrives first, the lower of equals; a weight of 0 never arrives.

    As -log(1 - v) is never below v, only tokens of small v / weight need their logarithm taken.
    """
    with np.errstate(divide="ignore"):
        early = (bits + 0.5) / weights
    best = early.argmin()
    near = np.flatnonzero(early * UNIT <= arrivals(bits[best], weights[best]))
    return int(near[arrivals(bits[near], weights[near]).argmin()])


def choices(key: int, position: int, laws: NDArray[np.float32]) -> list[int]:
    """Return the draw of each row: laws [n, vocabulary], of any positive sum, row i that of ``position`` + i."""
    kept = np.flatnonzero(laws.reshape(-1) > 0)  # of one long row: numpy is five times as slow at several
    counts = np.diff(kept.searchsorted(np.arange(len(laws) + 1) * laws.shape[1])).tolist()
    if max(counts) == 1:
        return [int(token) for token in laws.argmax(axis=1)]  # nothing to choose
    if len(kept) > laws.size // SHARED:
        return [_of_all(key, position + i, law) for i, law in enumerate(laws)]
    rows, tokens = np.divmod(kept, laws.shape[1])
    bits, weights, drawn, start = numbers(key, position + rows, tokens), laws[rows, tokens], list[int](), 0
    for count in counts:
        stop = start + count
        drawn.append(int(tokens[start + first(bits[start:stop], weights[start:stop])]))
        start = stop
    return drawn


def _of_all(key: int, position: int, law: NDArray[np.float32]) -> int:
    """Return the draw of a law that keeps many tokens."""
    groups = np.arange(-(-len(law) // SHARED))
    words = philox(key, groups, np.full(len(groups), position))
    return first(words.T.reshape(-1)[: len(law)], law)
