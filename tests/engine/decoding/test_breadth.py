"""Windows as wide as they pay, where the judge's pass costs the same for any number of tokens."""

from __future__ import annotations

import itertools

import pytest

from engine.decoding.breadth import FIRST, Breadth, best_window, expected


@pytest.mark.parametrize("rate", [0.3, 0.6, 0.82, 0.95])
def test_the_best_window_is_the_best(rate: float) -> None:
    """Guards: the worth of a window is that of its expected tokens, and no other window is worth more."""
    paths = itertools.product((True, False), repeat=5)  # which of five tokens stand, each by itself
    by_hand = sum(
        _chance(path, rate) * (1 + next((i for i, stands in enumerate(path) if not stands), 5)) for path in paths
    )
    assert expected(rate, 5) == pytest.approx(by_hand)
    for one, each in ((1.0, 0.01), (1.0, 0.2), (0.1, 0.1)):
        best = best_window(rate, one, each, 40)
        assert all(_worth(rate, best, one, each) >= _worth(rate, window, one, each) for window in range(1, 41))


def _chance(path: tuple[bool, ...], rate: float) -> float:
    chance = 1.0
    for stands in path:
        chance *= rate if stands else 1 - rate
    return chance


def _worth(rate: float, window: int, one: float, each: float) -> float:
    return expected(rate, window) / (one + window * each)


def test_windows_follow_what_stands_and_what_passes_take() -> None:
    """Dear passes and good guesses make them wide, cheap passes and bad guesses narrow, and never beyond the most."""
    unknown, good, bad, cheap = (Breadth() for _ in range(4))
    for _ in range(30):
        for breadth, kept, one in ((good, 20, 0.4), (bad, 1, 0.4), (cheap, 20, 0.004)):
            breadth.drafted(20, 20 * 0.002)
            breadth.judged(20, kept, one)
    assert (unknown.window(100), unknown.window(8)) == (FIRST, 8)
    assert bad.window(100) < cheap.window(100) < good.window(100)
    assert good.window(24) == 24
