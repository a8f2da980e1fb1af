"""How fast bytes arrive, over a sliding window, and how long the rest will take."""

from __future__ import annotations

from collections import deque

WINDOW = 8.0  # seconds
SOON, SURE = 0.5, 2.0  # seconds of data before a speed is told, and before a time left is


class Pace:
    """Speed over the last seconds; times are those of any steady clock, in seconds.

    Measured from the first bytes on: what passes before them is the Hub's thinking, not the line's speed.
    """

    def __init__(self, now: float) -> None:
        self._marks: deque[tuple[float, int]] = deque()
        self._latest = now
        self._total = 0

    def add(self, now: float, count: int) -> None:
        """``count`` more bytes have arrived."""
        self._total += count
        self._latest = now
        self._marks.append((now, self._total))

    def quiet(self, now: float) -> float:
        """Return the seconds since the last byte."""
        return now - self._latest

    def speed(self, now: float) -> float | None:
        """Return bytes per second over the window, None before there is enough to tell."""
        return self._speed(now, SOON)

    def left(self, now: float, rest: int) -> float | None:
        """Return the seconds ``rest`` more bytes will take, None before that is more than a guess."""
        speed = self._speed(now, SURE)
        return rest / speed if speed else None

    def _speed(self, now: float, least: float) -> float | None:
        while len(self._marks) > 1 and self._marks[1][0] <= now - WINDOW:
            self._marks.popleft()
        if not self._marks:
            return None
        start, before = self._marks[0]
        elapsed = min(now - start, WINDOW)
        return (self._total - before) / elapsed if elapsed >= least else None
