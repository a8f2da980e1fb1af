"""What fits into the context: how much turns take, and how many of the oldest would have to go. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.exchange import Count, Fill, Turns
from engine.config import Preset


class Counts(Protocol):
    """What counting needs of a session."""

    def count(self, messages: Sequence[tuple[str, str]]) -> int:
        """Return how many tokens ``messages`` take."""

    def context(self, preset: Preset) -> int:
        """Return how many tokens a conversation may have."""


def without_oldest(turns: Turns, surplus: int) -> Turns:
    """Return ``turns`` less the oldest ``surplus`` of them; the system's stays."""
    system = _systems(turns)
    return turns[:system] + turns[system + surplus :]


def fill(count: Count, session: Counts) -> Fill:
    """Count; where the turns do not fit, find how many of the oldest have to go, by halving.

    They go in pairs: no model was taught conversations that begin with an answer. The last question stays. The room
    asked for an answer is granted up to a quarter of the context.
    """
    used, limit = session.count(count.turns), session.context(count.preset)
    if used < limit:
        return Fill(count.id, used, limit)
    low, high = 1, (len(count.turns) - _systems(count.turns) - 1) // 2
    if high < 1 or session.count(without_oldest(count.turns, 2 * high)) >= limit:
        return Fill(count.id, used, limit, None)
    room = limit // 4 if count.room is None else min(count.room, limit // 4)
    while low < high:
        middle = (low + high) // 2
        if session.count(without_oldest(count.turns, 2 * middle)) + room <= limit:
            high = middle
        else:
            low = middle + 1
    return Fill(count.id, used, limit, 2 * low)


def _systems(turns: Turns) -> int:
    return int(bool(turns) and turns[0][0] == "system")
