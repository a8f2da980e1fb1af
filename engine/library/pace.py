"""How fast bytes arrive, over a sliding window, and how long the rest will take."""

from __future__ import annotations

from collections import deque

WINDOW = 8.0  # seconds


class Pace:
    """Speed over the last seconds; times are those of any steady clock, in seconds."""

    def __init__(self, now: float) -> None:
        self._marks: deque[tuple[float, int]] = deque([(now, 0)])
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
        while len(self._marks) > 1 and self._marks[1][0] <= now - WINDOW:
            self._marks.popleft()
        start, before = self._marks[0]
        elapsed = min(now - start, WINDOW)
        return (self._total - before) / elapsed if elapsed >= 0.5 else None
