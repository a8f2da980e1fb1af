"""How often what a chat has said comes again: counted beside any chain, since a copy need not be proposed for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

from engine.config import Lookup
from engine.decoding.matching import copied, match
from engine.decoding.planning.value import Cost

LONG = 16  # tokens alike: longer matches are no surer
CLASSES = LONG.bit_length() + 1
FADE = 0.99  # of what was counted, a look
REMEMBERED = 25.0  # looks at earlier replies that count in the next
UNSEEN, DOUBT = 0.4, 2.0  # how likely a copied token holds before any was seen, and how many tokens outweigh that
RARE, LOOKS = 0.1, 4.0  # how often there is something to copy, before that was seen, and how many looks outweigh it


@dataclass(frozen=True, slots=True)
class Copy:
    """Matches of about one length: with what ``chance`` there is one, and how likely its tokens hold, by place."""

    chance: float
    shares: tuple[float, ...]


@dataclass(slots=True)
class Copies:
    """What is known of copying up to ``most`` tokens, by how long a match was.

    It is found out as if the reply were written by copying alone: behind a copy the next look is where its last token
    that came has brought the text, and one further. So what is counted is the same whatever wrote it.
    """

    most: int = 7
    looks: float = 0.0
    found: list[float] = field(default_factory=lambda: [0.0] * CLASSES)
    held: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0] for _ in range(CLASSES)])
    _next: int | None = None  # where the next look is due

    def begin(self) -> None:
        """Begin another reply, which may be about something else."""
        self._next = None
        if self.looks > REMEMBERED:
            self.found = [REMEMBERED / self.looks * each for each in self.found]
            self.looks = REMEMBERED

    def look(self, tape: Sequence[int], source: Lookup) -> None:
        """See what could have been copied in what was written of ``tape`` since the last look, and whether it came."""
        if self._next is None:
            self._next = len(tape)
        while self._next + self.most <= len(tape):
            length, copy = copy_behind(tape[: self._next], source, self.most)
            self.looks = FADE * self.looks + 1
            self.found = [FADE * each for each in self.found]
            if copy:
                self.found[length.bit_length()] += 1
                self._next += self._count(length, copy, tape[self._next : self._next + len(copy)])
            self._next += 1

    def _count(self, length: int, copy: Sequence[int], written: Sequence[int]) -> int:
        """Count how far a ``copy`` came to be ``written``; return that."""
        for further, (guess, token) in enumerate(zip(copy, written, strict=True)):
            counts = self.held[min(length + further, LONG).bit_length()]
            counts[:] = FADE * counts[0] + (guess == token), FADE * counts[1] + 1
            if guess != token:
                return further
        return len(copy)

    def ways(self, hope: float = 0.0) -> list[Copy]:
        """Return the kinds of matches there are; ``hope``: see Agreements."""
        kinds = []
        for length in (1, 2, 4, 8, 16):
            at = length.bit_length()
            chance = (self.found[at] + (LOOKS * RARE if length == 2 else 0.0)) / (self.looks + LOOKS)
            if chance > 0:
                kinds.append(Copy(chance, self.shares(length, hope)))
        return kinds

    def shares(self, length: int, hope: float = 0.0) -> tuple[float, ...]:
        """Return how likely the tokens hold, by place, that are copied from behind so many tokens alike."""
        return tuple(self._share(length + place, hope) for place in range(self.most))

    def _share(self, length: int, hope: float) -> float:
        held, seen = self.held[min(length, LONG).bit_length()]
        share = (held + DOUBT * UNSEEN) / (seen + DOUBT)
        return max(0.01, min(share + hope * sqrt(share * (1 - share) / (seen + DOUBT)), 0.995))


def paying(shares: Sequence[float], most: int, cost: Cost, other: float = 0.0) -> int:
    """Return how many of up to ``most`` tokens with these ``shares`` pay, for passes that ``cost`` so much; 0: none.

    ``other``: the tokens a second of what guesses where nothing is copied, which copying has to beat as well.
    """
    best, chosen, stands, expected = max(1 / cost(1), other), 0, 1.0, 1.0
    for count, share in enumerate(shares[:most], start=1):
        stands *= share
        expected += stands
        if expected / cost(count + 1) > best:
            best, chosen = expected / cost(count + 1), count
    return chosen


def copy_behind(tape: Sequence[int], source: Lookup, most: int) -> tuple[int, list[int]]:
    """Return how long a match is found, at most LONG tokens, and up to ``most`` tokens from behind it."""
    found = match(tape, source.longest, source.shortest)
    if found is None:
        return 0, []
    length, end = found
    while length < LONG and end > length and tape[end - length - 1] == tape[-length - 1]:
        length += 1
    return length, copied(tape, end, most, frozenset())
