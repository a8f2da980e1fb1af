"""Counts how many guesses were kept, round by round and by position in a row of guesses. No Qt."""

from __future__ import annotations

from itertools import islice, pairwise

from app.log.ledger import Ledger

SPAN = 8  # rounds that a point of the line looks back on
PLACES = 8  # in a row of guesses that are shown apart; where a round has more, each shown is twice as wide


class AcceptanceHistory:
    """Counts the guesses of a growing ``ledger`` and how many were kept.

    ``rates`` holds, for each level that judges (bottom first, the drafter left out), the share of proposals that stood
    over the last SPAN rounds, a value a round; None while nothing was proposed. ``each`` holds (proposed, stood) for
    the first, second, … token that the target was offered in a round.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.rates: list[list[float | None]] = []
        self.each: list[tuple[int, int]] = []
        self._counts: list[list[tuple[int, int]]] = []  # offered and stood, by level and round
        self.taken = 0  # rounds counted

    @property
    def places(self) -> list[tuple[range, int, int]]:
        """Which tokens in a row, from 1, with how many were proposed and stood there: singly, or where there are many
        1, 2, 3 to 4, 5 to 8 and so on."""
        count = len(self.each)
        ends = range(1, count + 1) if count <= PLACES else [min(1 << power, count) for power in range(PLACES + 1)]
        spans = [range(first + 1, last + 1) for first, last in pairwise([0, *ends]) if last > first]
        counted = [(span, self.each[span.start - 1 : span.stop - 1]) for span in spans]
        return [(span, sum(offered for offered, _ in some), sum(stood for _, stood in some)) for span, some in counted]

    def catch_up(self) -> None:
        """Count the rounds that have come."""
        judges = max(len(self.ledger.levels) - 1, 0)
        while len(self.rates) < judges:
            self.rates.append([])
            self._counts.append([])
        for at in range(self.taken, len(self.ledger.rounds)):
            for level in range(judges):
                self._count(at, level)
            self._count_places(at)
        self.taken = len(self.ledger.rounds)

    def _count(self, at: int, level: int) -> None:
        counts = self._counts[level]
        counts.append(_verdicts(self._stands(at, level + 1)))
        late = counts[-SPAN:]
        offered, stood = sum(o for o, _ in late), sum(s for _, s in late)
        self.rates[level].append(stood / offered if offered else None)

    def _count_places(self, at: int) -> None:
        top = len(self.ledger.levels) - 1
        if top < 1:
            return
        for place, stands in enumerate(self._stands(at, top)):
            if place == len(self.each):
                self.each.append((0, 0))
            offered, stood = self.each[place]
            self.each[place] = (offered + 1, stood + stands)

    def _stands(self, at: int, level: int) -> list[bool]:
        """Return for each token that reached ``level`` in a round whether that level kept it."""
        tokens = self.ledger.rounds[at].tokens
        return [token.reached >= level for token in tokens if token.level < level <= token.reached + 1]


def thinned(values: list[float | None], points: int) -> list[float | None]:
    """Return at most ``points`` values spread evenly over ``values``, the last one always among them."""
    step = max(-(-len(values) // points), 1)
    return list(islice(reversed(values), 0, None, step))[::-1]


def _verdicts(stands: list[bool]) -> tuple[int, int]:
    return len(stands), sum(stands)
