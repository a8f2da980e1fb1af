"""How often levels agree: counted for each pair by the place of a token in what was handed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import sqrt
from types import MappingProxyType

from engine.config import Model, Source

PLACES = 8  # in a window that are told apart; those beyond are as the last
FADE, BETWEEN = 0.998, 0.9  # of what was counted, a token, and a reply: bad luck at a trial is forgotten
# Tokens of a reply that outweigh what those before it told: its share lies .08 beside theirs (a head in 39 replies).
OWN = 35.0
# What is thought before a token was seen, by the kind of what guesses, and how many tokens outweigh it.
UNSEEN: Mapping[str, float] = MappingProxyType(
    {"head": 0.6, "inner head": 0.6, "block": 0.6, "exit": 0.45, "model": 0.65}
)
DOUBT = 5.0
SAID = 6.0  # tokens that outweigh what a card says of a drafter's guesses
FALLING, LIKE = 0.96, 4.0  # a place is thought a little worse than the one before it, until so many tokens outweigh it
SUREST = 0.995
GOES_ON, SURE = 0.4, 0.85  # of what stops once it is unsure: how often it goes on, and what it guesses then is right

Pair = tuple[Source, Source]


@dataclass(slots=True)
class Agreements:
    """The [kept, seen] tokens of pairs of levels, by place; fading.

    Levels agree more often in one reply than in another, but not by much: what many have told is believed of the next
    until it has told otherwise by more than luck.
    ``told``: what is said of drafters, each judged by the model it was made for. ``stopping``: levels that stop before
    their window is full, once they are unsure; ``lasting``: how often such went on, of how many times they could have,
    by the tokens they had guessed; ``sure``: of the tokens behind which one went on [kept, seen].
    """

    counts: dict[Pair, list[list[float]]] = field(default_factory=dict)
    _here: dict[Pair, list[list[float]]] = field(default_factory=dict, init=False)  # what of it is this reply's
    stopping: Set[Source] = frozenset()
    lasting: dict[Source, list[list[float]]] = field(default_factory=dict)
    sure: dict[Source, list[float]] = field(default_factory=dict, compare=False)  # found out anew in each session
    told: Mapping[Source, tuple[float, ...]] = field(default_factory=dict)

    def learn(self, low: Source, high: Source, kept: int, *, fell: bool) -> None:
        """Count that ``high`` kept so many tokens of ``low`` in a row; ``fell``: and rejected the next."""
        for known in (self.counts, self._here):
            places = known.setdefault((low, high), _none())
            for place in range(kept + fell):
                count = places[min(place, PLACES - 1)]
                count[:] = FADE * count[0] + (place < kept), FADE * count[1] + 1

    def lasted(self, source: Source, tokens: int, window: int, kept: int) -> None:
        """Count that ``source`` guessed so many ``tokens`` of a ``window``, of which so many in a row were ``kept``."""
        stood, seen = self.sure.get(source, (0.0, 0.0))
        surely = min(kept, tokens - 1)
        self.sure[source] = [FADE * stood + surely, FADE * seen + min(kept + 1, tokens - 1)]
        places = self.lasting.setdefault(source, _none())
        for place in range(1, min(tokens + 1, window, PLACES)):
            count = places[place]
            count[:] = FADE * count[0] + (tokens > place), FADE * count[1] + 1

    def lengths(self, source: Source, window: int) -> Mapping[int, float]:
        """Return how likely ``source`` guesses how many tokens."""
        if source not in self.stopping:
            return {window: 1.0}
        found, reached = dict[int, float](), 1.0
        for place in range(1, window):
            on = self._on(source, place)
            found[place], reached = reached * (1 - on), reached * on
        return found | {window: reached}

    def apart(self, source: Source, shares: Sequence[float], tokens: int, window: int) -> tuple[float, ...]:
        """Return how likely each of so many ``tokens`` is kept, where it stopped behind them: ``shares`` told apart.

        It was sure of those behind which it went on, and unless the ``window`` was full unsure of the last: what goes
        on guesses better than on average, so wider windows bring more than they would if all guesses were alike.
        """
        stood, seen = self.sure.get(source, (0.0, 0.0))
        sure = min((stood + LIKE * SURE) / (seen + LIKE), SUREST)
        last, on = shares[min(tokens, len(shares)) - 1], self._on(source, tokens)
        if tokens < window:
            last = max(0.01, min((last - on * sure) / (1 - on), SUREST))
        return (*[sure] * (tokens - 1), last)

    def _on(self, source: Source, place: int) -> float:
        """Return how likely ``source`` goes on behind so many tokens."""
        went, could = self.lasting.get(source, _none())[min(place, PLACES - 1)]
        return (went + DOUBT * GOES_ON) / (could + DOUBT)

    def begin(self) -> None:
        """Begin another reply, which may be about something else."""
        self._here = {}
        for places in self.counts.values():
            for count in places:
                count[:] = BETWEEN * count[0], BETWEEN * count[1]

    def seen(self, low: Source, high: Source) -> float:
        """Return how many tokens the first place knows of."""
        places = self.counts.get((low, high))
        return places[0][1] if places else 0.0

    def shares(self, low: Source, high: Source, hope: float = 0.0) -> tuple[float, ...]:
        """Return how likely a token is kept at each place; ``hope``: by so many standard errors more than is known."""
        told = self.told.get(low, ()) if high == Model(low.of) else ()
        thought, weight, found = self._unseen(low, high), DOUBT, list[float]()
        counts, here = (known.get((low, high), _none()) for known in (self.counts, self._here))
        for (kept, seen), (stood, judged) in zip(counts, here, strict=True):
            if len(found) < (1 if low in self.stopping else len(told)) <= len(told):
                thought, weight = told[len(found)], SAID
            before = seen - judged + weight
            thought = (kept - stood + weight * thought) / before
            outweighed = 1 / (1 / OWN + 1 / before)
            share = max(0.0, min((stood + outweighed * thought) / (judged + outweighed), 1.0))
            error = sqrt(share * (1 - share) / (seen + weight))
            found.append(max(0.01, min(share + hope * error, SUREST)))
            thought, weight = SURE if low in self.stopping else FALLING * share, LIKE
        return tuple(found)

    def _unseen(self, low: Source, high: Source) -> float:
        """Guess the agreement of two levels from a third that has met both."""
        between = [
            min(self._first(low, middle), self._first(middle, high))
            for first, middle in self.counts
            if first == low and middle != high and (middle, high) in self.counts
        ]
        return max(between, default=UNSEEN.get(low.kind, 0.5))

    def _first(self, low: Source, high: Source) -> float:
        kept, seen = self.counts[low, high][0]
        return (kept + DOUBT * UNSEEN.get(low.kind, 0.5)) / (seen + DOUBT)


def _none() -> list[list[float]]:
    """Return places of which nothing is known."""
    return [[0.0, 0.0] for _ in range(PLACES)]
