"""How many tokens to propose where a pass of the judge takes as long for a hundred of them as for one.

Whatever is proposed beyond the first token that falls costs its drafting alone. So the window is as wide as promises
most tokens a second, by what passes took and how often tokens stood before; never by a token still in question, so a
reply's law stays what it is.
"""

from __future__ import annotations

UNSEEN, DOUBT = 0.8, 10.0  # how likely a token stands before any was judged, and how many tokens outweigh that
FADE = 0.97  # of what was counted, a round
FIRST = 16  # tokens, before anything was timed


def expected(rate: float, window: float) -> float:
    """Return the tokens that a round brings if each of ``window`` proposed stands with probability ``rate``."""
    return float((1 - rate ** (window + 1)) / (1 - rate))


def best_window(rate: float, one: float, each: float, most: int) -> int:
    """Return how many tokens to propose, ``most`` at most; a pass takes ``one`` second, a drafted token ``each``."""
    return max(range(1, most + 1), key=lambda window: expected(rate, window) / (one + window * each))


class Breadth:
    """What is known of one judge and of what guesses below it."""

    def __init__(self) -> None:
        self._stood, self._judged = DOUBT * UNSEEN, DOUBT
        self._one: float | None = None  # seconds of a pass of the judge
        self._each: float | None = None  # of a drafted token

    def window(self, most: int) -> int:
        """Return how many tokens to propose, ``most`` at most."""
        if self._one is None or self._each is None:
            return min(FIRST, most)
        return best_window(self._stood / self._judged, self._one, self._each, most)

    def drafted(self, tokens: int, seconds: float) -> None:
        """Learn how long guessing so many ``tokens`` took."""
        self._each = _blended(self._each, seconds / max(tokens, 1))

    def judged(self, proposed: int, kept: int, seconds: float) -> None:
        """Learn what a pass of the judge took, and how many of the tokens ``proposed`` it ``kept``."""
        self._one = _blended(self._one, seconds)
        self._stood = FADE * self._stood + kept
        self._judged = FADE * self._judged + kept + (kept < proposed)


def _blended(known: float | None, new: float) -> float:
    """Return a mean that what was ``known`` is half of; the first time warms up, and is soon forgotten."""
    return new if known is None else (known + new) / 2
