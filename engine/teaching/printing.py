"""What a process that teaches tells, in lines for a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.teaching.protocol import Ended, Failed, Held, News, Said, Stopped, Told

NOTHING = 1.05  # times as fast, up to which nobody would notice
SPACED = 10.0  # seconds between two lines on a course, unless work of another kind begins


class Printing:
    """Gives ``show`` a line for what is told, and leaves out news that come too soon behind others."""

    def __init__(self, show: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._show, self._clock = show, clock
        self._last, self._doing = 0.0, ""

    def __call__(self, told: Told) -> None:
        """Show ``told``, if it is time for it."""
        if isinstance(told, News):
            if told.doing == self._doing and told.done < 1 and self._clock() - self._last < SPACED:
                return
            self._last, self._doing = self._clock(), told.doing
        self._show(line_of(told))


def line_of(told: Told) -> str:
    """Say ``told`` in a line."""
    match told:
        case News():
            return _course(told)
        case Said(line):
            return line
        case Held(waits):
            return "waiting" if waits else "going on"
        case Stopped():
            return "Stopped. Started again it goes on from here."
        case Ended(sentence, _, outcome):
            return f"{sentence}\n{outcome}"
        case Failed(sentence, hint):
            return f"{sentence} {hint}".rstrip()


def _course(news: News) -> str:
    line = f"{news.done:4.0%} {news.doing}, {news.tokens:,} tokens of replies"
    line += f", {news.pace:,.0f} a second" if news.pace else ""  # behind a look nothing was read
    if news.agreement:
        right = " ".join(f"{each:.2f}" for each in news.agreement)
        worth = f"about {news.worth:.1f} times as fast" if (news.worth or 0) > NOTHING else "no gain yet"
        line += f"; right by place: {right}; {worth}"
    return line
