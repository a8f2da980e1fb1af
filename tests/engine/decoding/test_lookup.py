"""N-gram lookup: what it copies, and where it stops."""

from __future__ import annotations

import pytest

from engine import config
from engine.config import Window
from engine.decoding.lookup import Lookup
from engine.decoding.tape import Tape
from tests.engine.decoding.tables import CPU


def copied(tokens: list[int], limit: int = 1000, ends: frozenset[int] = frozenset(), window: int = 4) -> list[int]:
    tape = Tape(tokens, ends, limit)
    for _ in Lookup(config.Lookup(3, 2), Window(window), 300, CPU, 0).draft(tape):
        pass
    return tape[len(tokens) :]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([1, 2, 3, 4, 5, 1, 2, 3], [4, 5, 1, 2]),
        ([1, 2, 9, 1, 2, 8, 7, 1, 2], [8, 7, 1, 2]),  # the latest occurrence wins
        ([7, 1, 2, 5, 1, 2, 6, 7, 1, 2], [5, 1, 2, 6]),  # but a longer match wins over a later one
        ([1, 2, 3], []),
        ([4, 4, 4], [4]),  # may overlap its own ending
        ([256, 0, 0, 9, 1, 0], []),  # bytes of neighbouring tokens must not match across tokens
        ([], []),
    ],
)
def test_copies_what_followed(tokens: list[int], expected: list[int]) -> None:
    """Copying from a wrong place costs acceptance silently."""
    assert copied(tokens) == expected


def test_keeps_to_window_limit_and_end() -> None:
    """Proposals beyond the context or behind an end of turn could never be judged."""
    again = [1, 2, 3, 4, 5, 6, 1, 2]
    assert copied(again, window=2) == [3, 4]
    assert copied(again, limit=9) == [3]
    assert copied(again, ends=frozenset({4})) == [3, 4]
