"""How many copied tokens pay: what they are expected to bring over what a pass that judges them takes.

Goodput (Liu et al., arXiv 2406.14066), for one lookup and one judge. Each round proposes as many tokens as promise most
tokens a second; none, which is plain decoding, is among the choices. Both sides are learned at no cost: a copied
token need not be proposed to see whether the judge wrote it, and every pass tells what its width takes. Only what was
written and timed before decides, never a token still in question, so a reply's law stays what it is.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from statistics import median

UNSEEN, DOUBT = 0.5, 2.0  # how likely a copied token holds before any was seen, and how many tokens outweigh that
FADE = 0.96  # of what was counted, a token: what a chat is about changes
LONG = 16  # tokens alike: longer matches are no surer
RECENT = 9  # passes of a width that count: their median
PATIENCE = 64  # copies in a row not worth a wider pass, after which what such passes took is found out again


class Goodput:
    """What is known of copying for one judge: how often copied tokens held, and what passes of each width took."""

    def __init__(self) -> None:
        self._held: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])  # class of match -> tokens held, tokens
        self._single: deque[float] = deque(maxlen=RECENT)  # seconds of passes of one position
        self._wider: dict[int, deque[float]] = {}  # positions -> times as long as one took then
        self._met: set[int] = set()  # widths whose first pass, which warms up, is over
        self._declined = 0

    def worth(self, length: int, most: int) -> int:
        """Return how many of ``most`` tokens to propose that were copied from behind a match of ``length`` tokens."""
        if not self._single:
            return 0
        costs = [(1, 1.0), *((width, median(known)) for width, known in sorted(self._wider.items()))]
        best, chosen, stands, expected = 1.0, 0, 1.0, 1.0
        for count in range(1, min(most, 2 * costs[-1][0] - 1) + 1):  # a width at most twice the widest known
            stands *= self._likely(length + count - 1)
            expected += stands
            pace = expected / _between(costs, count + 1)
            if pace > best:
                best, chosen = pace, count
        self._declined = 0 if chosen else self._declined + 1
        return chosen

    def learn(self, length: int, copied: Sequence[int], written: Sequence[int]) -> None:
        """Count which of the tokens ``copied`` from behind a match of ``length`` the judge ``written`` as well."""
        for further, (guess, token) in enumerate(zip(copied, written, strict=False)):
            counts = self._held[_class(length + further)]
            counts[:] = FADE * counts[0] + (guess == token), FADE * counts[1] + 1
            if guess != token:
                return

    def time(self, positions: int, seconds: float) -> None:
        """Learn what a pass over ``positions`` took."""
        if self._declined > PATIENCE:
            self._wider, self._declined = {}, 0
        if positions not in self._met:
            self._met.add(positions)
        elif positions == 1:
            self._single.append(seconds)
        elif self._single:
            ratio = max(1.0, seconds / median(self._single))  # so that a machine that slows down slows every width
            self._wider.setdefault(positions, deque(maxlen=RECENT)).append(ratio)

    def _likely(self, length: int) -> float:
        held, seen = self._held[_class(length)]
        return (held + DOUBT * UNSEEN) / (seen + DOUBT)


class Turns(Goodput):
    """The same where another drafter guesses whenever nothing is copied: what that brings, copying has to beat."""

    def __init__(self) -> None:
        super().__init__()
        self._passes: dict[int, deque[float]] = {}  # positions -> seconds
        self._other: deque[tuple[int, float]] = deque(maxlen=2 * RECENT)  # tokens and seconds of its rounds

    def worth(self, length: int, most: int) -> int:
        """See Goodput."""
        if not (self._passes and self._other):
            return 0
        costs = [(width, median(known)) for width, known in sorted(self._passes.items())]
        best = sum(tokens for tokens, _ in self._other) / sum(seconds for _, seconds in self._other)
        chosen, stands, expected = 0, 1.0, 1.0
        for count in range(1, most + 1):
            stands *= self._likely(length + count - 1)
            expected += stands
            pace = expected / _between(costs, count + 1, costs[0][1])
            if pace > best:
                best, chosen = pace, count
        return chosen

    def time(self, positions: int, seconds: float) -> None:
        """See Goodput."""
        self._passes.setdefault(positions, deque(maxlen=RECENT)).append(seconds)

    def other(self, tokens: int, seconds: float) -> None:
        """Learn what a round of the other drafter brought and took."""
        self._other.append((tokens, seconds))


def _class(length: int) -> int:
    """Return the class of matches that are about as sure as one of ``length`` tokens."""
    return min(length, LONG).bit_length()


def _between(costs: Sequence[tuple[int, float]], width: int, least: float = 1.0) -> float:
    """Return the cost at ``width`` on straight lines through ``costs``, beyond them as the last two go on.

    At the ``least`` so much.
    """
    if len(costs) == 1:
        return costs[0][1]  # hopefully, so that it gets tried
    at = next((i for i, (known, _) in enumerate(costs) if known >= width and i), len(costs) - 1)
    (a, x), (b, y) = costs[at - 1], costs[at]
    return max(least, x + (y - x) * (width - a) / (b - a))
