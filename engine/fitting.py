"""Which turns of a conversation fit into the context, and how many of the oldest would have to go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Turn = tuple[str, str]  # role, text


class Fit(NamedTuple):
    """How full the context would be: ``used`` of ``limit`` tokens.

    ``surplus``: how many of the oldest turns, the system's aside, have to go; None: all but the last are not enough.
    """

    used: int
    limit: int
    surplus: int | None = 0


def fit(turns: Sequence[Turn], limit: int, room: int | None, count: Callable[[Sequence[Turn]], int]) -> Fit:
    """Count ``turns`` in tokens; where they do not fit, find how many of the oldest have to go, by halving.

    They go in pairs: no model was taught conversations that begin with an answer. The last question stays. The
    ``room`` asked for an answer, in tokens, is granted up to a quarter of ``limit``; None: that quarter.
    """
    used = count(turns)
    if used < limit:
        return Fit(used, limit)
    low, high = 1, (len(turns) - _systems(turns) - 1) // 2
    if high < 1 or count(without_oldest(turns, 2 * high)) >= limit:
        return Fit(used, limit, None)
    granted = limit // 4 if room is None else min(room, limit // 4)
    while low < high:
        middle = (low + high) // 2
        if count(without_oldest(turns, 2 * middle)) + granted <= limit:
            high = middle
        else:
            low = middle + 1
    return Fit(used, limit, 2 * low)


def without_oldest(turns: Sequence[Turn], surplus: int) -> Sequence[Turn]:
    """Return ``turns`` less the oldest ``surplus`` of them; the system's stays."""
    system = _systems(turns)
    return (*turns[:system], *turns[system + surplus :])


def _systems(turns: Sequence[Turn]) -> int:
    return int(bool(turns) and turns[0][0] == "system")
