"""Where a tape's ending occurred before: what Lookup copies from, on a CPU, and what its kernel is compared with."""

from __future__ import annotations

from array import array
from collections.abc import Sequence


def match(tokens: Sequence[int], longest: int, shortest: int) -> tuple[int, int] | None:
    """Return how many of the last tokens, ``longest`` to ``shortest``, occurred before, and where that place ends.

    The longest match wins, among equals the latest; it may overlap the ending. None where nothing matches.
    """
    text = array("q", tokens).tobytes()
    for length in range(longest, shortest - 1, -1):
        at = _last_occurrence(text, length)
        if at is not None:
            return length, at + length
    return None


def copied(tokens: Sequence[int], end: int, room: int, ends: frozenset[int]) -> list[int]:
    """Return up to ``room`` of ``tokens`` from ``end`` on, none behind one that ends a reply."""
    found: list[int] = []
    for token in tokens[end : end + max(room, 0)]:
        found.append(token)
        if token in ends:
            break
    return found


def _last_occurrence(text: bytes, length: int) -> int | None:
    """Return where the last ``length`` tokens of ``text`` occurred before, the latest such place, or None.

    ``text``: tokens as 8-byte integers; C's search over a few thousand of them takes microseconds.
    """
    if len(text) <= 8 * length:
        return None
    ending, end = text[-8 * length :], len(text) - 8
    while (found := text.rfind(ending, 0, end)) >= 0:
        if found % 8 == 0:
            return found // 8
        end = found + len(ending) - 1
    return None
