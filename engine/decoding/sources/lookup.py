"""A drafter that costs nothing: what followed the last few tokens when they occurred before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine import config
from engine.config import TARGET, Stage
from engine.decoding.facts import Drafted, Fact, Judged
from engine.decoding.goodput import LONG, Goodput
from engine.decoding.hierarchy import Drafter
from engine.decoding.matching import copied
from engine.decoding.places import Places
from engine.decoding.sources.making import Making, Materials, Models, makes
from engine.decoding.tape import Tape

if TYPE_CHECKING:  # which build on this
    from engine.decoding.graphs.level import Level
    from engine.decoding.graphs.levels import Site


class Lookup(Drafter):
    """Copies up to ``window.tokens`` tokens from behind an earlier occurrence of the tape's ending.

    Proposes nothing where nothing matches, and the judge above then simply decodes (prompt lookup decoding).
    ``goodput``: what tells how many of the tokens pay; None: all are proposed.
    """

    def __init__(
        self, source: config.Lookup, window: config.Window, index: int, goodput: Goodput | None = None
    ) -> None:
        self.source, self.window, self.index = source, window, index
        self._goodput, self._places = goodput, Places()
        self._found, self._matched = list[int](), 0  # what could be copied last, and from behind how long a match
        self._tape, self._mark = Tape([]), 0  # where to

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        """Append the copied tokens, if any."""
        began = time.perf_counter()
        self._tape, self._mark = tape, mark
        self._matched, tokens = self._match(tape)
        self._found = tokens
        if self._goodput is not None and tokens:
            tokens = tokens[: self._goodput.worth(self._matched, len(tokens))]
        tape.extend(tokens)
        if tokens:
            sure, first = (1.0,) * len(tokens), (1,) * len(tokens)
            yield Drafted(self.index, tuple(tokens), sure, first, 0, began, time.perf_counter() - began)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self._places.cut(length)

    def _match(self, tape: Tape) -> tuple[int, list[int]]:
        """Return how long a match was found, at most LONG tokens, and what may be copied from behind it."""
        places, room = self._places, min(self.window.tokens, tape.limit - len(tape))
        places.take(tape[len(places.tokens) :])
        known = places.tokens
        length, end = places.find(tape, self.source.longest, self.source.shortest)
        while length and length < LONG and end > length and known[end - length - 1] == tape[-length - 1]:
            length += 1
        return length, copied(known, end, room, tape.ends) if length else []

    def judged(self, fact: Judged) -> None:
        """Learn what the pass took, and of all that could have been copied whether the judge wrote it.

        Another drafter may have guessed in its place.
        """
        if self._goodput is None:
            return
        self._goodput.learn(self._matched, self._found, self._tape[self._mark :])
        self._goodput.time(fact.positions, fact.seconds)


@makes(config.Lookup)
class OfLookup(Making[config.Lookup]):
    """What makes a lookup: a bottom of a chain that reads no model."""

    wide = 48

    def detail(self, _models: Models) -> str:
        """See Making."""
        return f"{self.source.shortest} to {self.source.longest} tokens"

    def drafter(self, materials: Materials, stage: Stage, index: int) -> Lookup:
        """See Making."""
        whole = stage.window.confidence == 0
        return Lookup(self.source, stage.window, index, None if whole else materials.goodput)

    def recorded(self, site: Site) -> Level:
        """See Making."""
        from engine.decoding.graphs.copying import CopyingLevel  # which builds on this room

        stack, slot = site.ground.stacks[TARGET], site.ground.slots[site.index]
        return CopyingLevel(site.index, site.stage, stack, slot, depth=0, lower=0, exits=(), behind=0)
