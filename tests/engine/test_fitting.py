"""Which turns fit into the context."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.fitting import Turn, fit, without_oldest


class Letters:
    """Counts letters, and how often it was asked."""

    asked = 0

    def __call__(self, messages: Sequence[tuple[str, str]]) -> int:
        self.asked += 1
        return sum(len(text) for _, text in messages)


def talk(pairs: int, system: str = "") -> Sequence[Turn]:
    turns = [("system", system)] if system else []
    for _ in range(pairs):
        turns += [("user", "q" * 10), ("assistant", "a" * 10)]
    return (*turns, ("user", "last"))


@pytest.mark.parametrize(
    ("turns", "limit", "room", "surplus"),
    [
        (talk(2), 100, 10, 0),
        (talk(5), 100, 10, 2),
        (talk(5), 100, 40, 4),  # of the room asked for, a quarter of the context is granted
        (talk(5), 104, 10, 2),  # not one token of an answer would fit
        (talk(5, "s" * 50), 100, 10, 8),
        (talk(5), 5, 1, 10),
        (talk(5), 4, 1, None),
        ((("user", "x" * 50),), 20, 1, None),
    ],
)
def test_as_few_of_the_oldest_go_as_need_to(turns: Sequence[Turn], limit: int, room: int, surplus: int | None) -> None:
    """Guards: a search off by one pair, the system's turn left out, a promise of room where there is none."""
    found = fit(turns, limit, room, Letters())
    assert (found.surplus, found.used < found.limit) == (surplus, surplus == 0)
    if surplus:
        rest = without_oldest(turns, surplus)
        assert rest[-1] == turns[-1]
        assert rest[0][0] in ("system", "user")
        assert sum(len(text) for _, text in rest) < limit


def test_a_long_conversation_is_not_counted_over_and_over() -> None:
    """Guards: a count for every turn of a long conversation."""
    letters = Letters()
    assert fit(talk(4000), 1000, 100, letters).surplus
    assert letters.asked < 20
