"""What is known of copying: from behind how many tokens alike, and when another guess is worth more."""

from __future__ import annotations

from engine.config import PRESETS, Lookup
from engine.decoding.planning.copies import Copies, paying


def test_what_follows_a_single_token_is_counted() -> None:
    """Guards: copies that a lookup makes and nobody counts on, of the shortest endings that it goes by."""
    lookup = PRESETS["auto"].stages[0].source
    assert isinstance(lookup, Lookup)
    text = [0, *(token for new in range(100, 160) for token in (new, 7, 8))]
    copies = Copies()
    for at in range(0, len(text), 3):
        copies.look(text[: at + 1], lookup)
    shortest = copies.ways()[0]
    assert shortest.shares == copies.shares(1)
    assert shortest.chance > 0.3, "behind each 7, once it was met"
    assert shortest.shares[0] > 0.9
    assert shortest.shares[1] < 0.3, "every third token is new"


def test_copying_has_to_beat_what_else_would_guess() -> None:
    """Guards: a token that holds one time in three copied in place of what a head guesses."""

    def cost(positions: int) -> float:
        return 1 + 0.1 * (positions - 1)

    assert paying((0.3, 0.3), 2, cost) == 1
    assert paying((0.3, 0.3), 2, cost, other=1.25) == 0
    assert paying((0.9, 0.9), 2, cost, other=1.25) == 2
