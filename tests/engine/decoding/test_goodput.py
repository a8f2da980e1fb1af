"""Goodput: what it proposes in worlds whose passes and texts are known, counted in the world's own seconds."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from engine.decoding.goodput import PATIENCE, Goodput

Cost = Callable[[int], float]
ROUNDS = 1000
TABLES: dict[str, Cost] = {
    "flat": lambda n: 1 + 0.01 * n,
    "in proportion": float,
    "half": lambda n: 0.5 + 0.5 * n,
    "stairs of four": lambda n: 1 + 0.6 * ((n - 1) // 4) + 0.4 * (n > 1),
    "dearer than one by one": lambda n: float(n) ** 1.3,
}


class World:
    """Copies of eight tokens behind matches of two to nine; each token holds with a chance of its own."""

    def __init__(self, cost: Cost, seed: int = 1) -> None:
        self.goodput, self.cost, self.dice = Goodput(), cost, random.Random(seed)

    def pace(self, holds: float, rounds: int) -> tuple[float, list[int]]:
        """Return tokens a second, in those of plain decoding, over ``rounds``, and how many each proposed."""
        written, seconds, proposed = 0, 0.0, []
        for _ in range(rounds):
            length = self.dice.randint(2, 9)
            held = [self.dice.random() < holds for _ in range(8)]
            count = self.goodput.worth(length, 8)
            kept = next((i for i in range(count) if not held[i]), count)
            self.goodput.learn(length, [1] * 8, [1 if held[i] else 0 for i in range(8)][: kept + 1])
            noisy = self.cost(count + 1) * self.dice.lognormvariate(0, 0.1)
            self.goodput.time(count + 1, noisy)
            written, seconds = written + kept + 1, seconds + self.cost(count + 1)
            proposed.append(count)
        return written / seconds * self.cost(1), proposed


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("holds", [0.0, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_never_loses_much(table: str, holds: float) -> None:
    """Whatever passes cost and whatever the text is like, finding out takes less than three per cent."""
    pace, _ = World(TABLES[table]).pace(holds, ROUNDS)
    assert pace > 0.97


@pytest.mark.parametrize(
    ("table", "holds", "least"),
    [("flat", 0.6, 2.2), ("flat", 0.95, 5.5), ("half", 0.8, 1.15), ("half", 0.95, 1.45), ("stairs of four", 0.8, 1.7)],
)
def test_gains_where_copies_hold(table: str, holds: float, least: float) -> None:
    """At least nine tenths of what the best fixed number of copied tokens would bring."""
    pace, _ = World(TABLES[table]).pace(holds, ROUNDS)
    best = max(sum(holds**k for k in range(n + 1)) / TABLES[table](n + 1) for n in range(9)) * TABLES[table](1)
    assert pace > max(0.9 * best, least)


def test_notices_that_the_text_changes() -> None:
    """Nothing is proposed while nothing holds, and soon much again: what was not proposed is counted as well."""
    world = World(TABLES["half"])
    world.pace(0.95, 200)
    _, between = world.pace(0.0, 300)
    world.pace(0.95, 100)
    pace, _ = world.pace(0.95, 200)
    assert sum(between[100:]) <= 10
    assert pace > 1.3


def test_copies_behind_long_matches_are_told_from_those_behind_short_ones() -> None:
    """Prose has many matches of two words that mean nothing; a passage that is copied does not look like them."""
    goodput = timed({1: 1.0, 2: 1.5, 4: 2.5, 8: 4.5})
    for _ in range(60):
        goodput.learn(2, [1], [0])
        goodput.learn(12, [1] * 8, [1] * 8)
    assert goodput.worth(2, 8) == 0
    assert goodput.worth(12, 8) > 4


def test_decides_nothing_before_a_plain_pass_was_timed() -> None:
    """Without it there is nothing to compare with."""
    goodput = Goodput()
    assert goodput.worth(9, 8) == 0
    goodput.time(1, 1.0)
    assert goodput.worth(9, 8) == 0, "the first pass warms up"
    goodput.time(1, 1.0)
    assert goodput.worth(9, 8) == 1, "a wider pass is tried, one step at a time"


def test_a_machine_that_slows_down_does_not_speak_against_wide_passes() -> None:
    """Only how long a pass takes beside a plain one counts."""
    goodput = timed({1: 1.0, 2: 1.1, 4: 1.3, 8: 1.7})
    proposed = goodput.worth(3, 8)
    for width, seconds in {1: 5.0, 2: 5.5, 4: 6.5, 8: 8.5}.items():
        for _ in range(9):
            goodput.time(width, seconds)
    assert goodput.worth(3, 8) == proposed > 0


def test_what_wide_passes_took_is_found_out_again() -> None:
    """Timed while something else kept the machine busy they look dear, and nobody would ever try them again."""
    goodput = timed({1: 1.0, 2: 9.0})
    for _ in range(PATIENCE + 1):
        assert goodput.worth(5, 8) == 0
        goodput.time(1, 1.0)
    assert goodput.worth(5, 8) == 1


def timed(seconds: dict[int, float]) -> Goodput:
    """Return a Goodput that knows what passes take."""
    goodput = Goodput()
    for width, taken in seconds.items():
        for _ in range(10):
            goodput.time(width, taken)
    return goodput
