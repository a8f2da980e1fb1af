"""What chains are worth, against known values, every outcome enumerated, and dice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product

import pytest

from engine.decoding.planning.value import Cost, Guess, Judge, worth


def always(seconds: float) -> Cost:
    return lambda _: seconds


def chain(costs: Sequence[float], agreement: Sequence[float], windows: Sequence[int]) -> float:
    """Return the pace of a chain of models whose passes take the same at any width."""
    one, *others = costs
    guesses = [Guess({windows[0]: 1.0}, lambda n: n * one, agreement[:1])] if others else []
    flat = [always(each) for each in others or costs]
    above = [*zip(agreement[1:], windows[1:], strict=True), (0.0, 1)]
    return worth(guesses, [Judge(cost, (a,), window) for cost, (a, window) in zip(flat, above, strict=True)]).pace


@pytest.mark.parametrize(
    ("costs", "agreement", "windows", "expected"),
    [
        ((1, 8), (0.8,), (4,), 3.5697),
        ((1, 4, 16), (0.75, 0.85), (2, 4), 7.0172),
        ((1, 4, 16), (0.75, 0.85), (3, 6), 7.0557),
        ((1, 4, 16), (0.75, 0.85), (4, 12), 8.5279),
        ((1, 3, 6, 30), (0.7, 0.8, 0.9), (2, 4, 10), 11.6524),
        ((16,), (), (), 16.0),
    ],
)
def test_pace_of_known_chains(
    costs: Sequence[float], agreement: Sequence[float], windows: Sequence[int], expected: float
) -> None:
    """Overshoot forgotten, or a bonus token left out, moves these by a few per cent."""
    assert chain(costs, agreement, windows) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("bonus", [True, False])
def test_every_outcome_of_two_levels(bonus: bool) -> None:
    """Two ways of guessing, lengths that vary, chances that fall along the window: summed over all that can happen."""
    ways = [
        Guess({0: 0.3, 2: 0.7}, lambda n: 0.1 * n, (0.9, 0.5), chance=0.4),
        Guess({3: 1.0}, lambda _: 2.0, (0.8, 0.6, 0.3), chance=0.6),
    ]
    seconds = tokens = 0.0
    for way in ways:
        for n, p in way.lengths.items():
            rows = n + 1 if bonus or not n else n
            seconds += way.chance * p * ((way.seconds(n) if n else 0.0) + 5 + rows)
            for kept in product((True, False), repeat=n):
                chance = way.chance * p
                for good, a in zip(kept, way.agreement, strict=False):
                    chance *= a if good else 1 - a
                stood = kept.index(False) if False in kept else n
                tokens += chance * min(stood + 1, rows)
    found = worth(ways, [Judge(lambda n: 5.0 + n, bonus=bonus)])
    assert (found.seconds, found.tokens) == pytest.approx((seconds, tokens))


def test_pace_agrees_with_dice() -> None:
    """Costs that grow with the pass, a middle level, chances by place: arithmetic and dice must tell the same."""
    dice, spent, made = random.Random(1), 0.0, 0
    low, high = (0.8, 0.7, 0.5), (0.9, 0.85, 0.7)

    def kept(n: int, chances: Sequence[float]) -> int:
        count = 0
        while count < n and dice.random() < chances[min(count, len(chances) - 1)]:
            count += 1
        return count + 1

    for _ in range(20_000):
        stands = 0
        while stands < 5:
            spent += 3 + 3.8
            stands += kept(3, low)
        spent += 20 + 0.5 * (stands + 1)
        made += kept(stands, high)
    found = worth(
        [Guess({3: 1.0}, lambda n: 1.0 * n, low)],
        [Judge(lambda n: 3 + 0.2 * n, high, window=5), Judge(lambda n: 20 + 0.5 * n)],
    )
    assert found.pace == pytest.approx(spent / made, rel=0.015)
