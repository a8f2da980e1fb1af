"""What a drafter's agreement is worth: how many times as fast as plain decoding it would be."""

from __future__ import annotations

from collections.abc import Sequence

ROW = {"cuda": 0.01, "cpu": 0.25}  # a further row of the target's pass, of one: measured, engine/bench/README.md
LAUNCH = {"cuda": 0.04, "cpu": 0.0}  # of a guess, beside reading the drafter's weights


def worth(agreement: Sequence[float], share: float, device: str) -> tuple[float, int]:
    """Return the speed beside plain decoding, 1 for none gained, and with how many guesses a round.

    ``agreement``: how often a guess is kept, by its place, once those before it were. ``share``: the drafter's weights,
    of the target's. The most of all windows, none among them.
    """
    best, guesses, stands, tokens = 1.0, 0, 1.0, 1.0
    for count, kept in enumerate(agreement, start=1):
        stands *= kept
        tokens += stands
        pace = tokens / (1 + count * (share + LAUNCH[device] + ROW[device]))
        if pace > best:
            best, guesses = pace, count
    return best, guesses
