"""A drafter that costs nothing: what followed the last few tokens when they occurred before."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator

from engine import config
from engine.config import Stage
from engine.decoding.goodput import LONG, Goodput
from engine.decoding.hierarchy import Drafted, Drafter, Fact, Judged
from engine.decoding.sources.making import Making, Materials, Models, makes
from engine.decoding.tape import Tape


class Lookup(Drafter):
    """Copies up to ``window.tokens`` tokens from behind an earlier occurrence of the tape's ending.

    Proposes nothing where nothing matches, and the judge above then simply decodes (prompt lookup decoding).
    ``goodput``: what tells how many of the tokens pay; None: all are proposed.
    """

    def __init__(
        self, source: config.Lookup, window: config.Window, index: int, goodput: Goodput | None = None
    ) -> None:
        self.source, self.window, self.index = source, window, index
        self._goodput = goodput
        self._found, self._matched = list[int](), 0  # what could be copied last, and from behind how long a match

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:  # noqa: ARG002 - the whole tape is read
        """Append the copied tokens, if any."""
        began = time.perf_counter()
        self._matched, copied = _match(tape, self.source, self.window.tokens)
        self._found = copied
        if self._goodput is not None and copied:
            copied = copied[: self._goodput.worth(self._matched, len(copied))]
        tape.extend(copied)
        if copied:
            sure, first = (1.0,) * len(copied), (1,) * len(copied)
            yield Drafted(self.index, tuple(copied), sure, first, 0, began, time.perf_counter() - began)

    def judged(self, fact: Judged) -> None:
        """Learn what the pass took, and of all that could have been copied whether the judge wrote it."""
        if self._goodput is None:
            return
        written = [*self._found[: fact.kept], *([] if fact.following is None else [fact.following])]
        self._goodput.learn(self._matched, self._found, written)
        self._goodput.time(fact.positions, fact.seconds)


@makes(config.Lookup)
class OfLookup(Making[config.Lookup]):
    """What makes a lookup: a bottom of a chain for the host alone."""

    def detail(self, _models: Models) -> str:
        """See Making."""
        return f"{self.source.shortest} to {self.source.longest} tokens"

    def drafter(self, materials: Materials, stage: Stage, index: int) -> Lookup:
        """See Making."""
        return Lookup(self.source, stage.window, index, materials.goodput)

    def propose(self, tape: Tape, most: int) -> list[int]:
        """Return up to ``most`` tokens from behind an earlier occurrence of the tape's ending, none past its limit."""
        return _match(tape, self.source, most)[1]


def _match(tape: Tape, source: config.Lookup, most: int) -> tuple[int, list[int]]:
    """Return how long a match was found, at most LONG tokens, and up to ``most`` tokens from behind it."""
    text = array("q", tape).tobytes()
    for length in range(source.longest, source.shortest - 1, -1):
        at = _last_occurrence(text, length)
        if at is not None:
            room = min(most, tape.limit - len(tape))
            copied = _until_end(tape[at + length : at + length + max(room, 0)], tape.ends)
            further = 0
            while length + further < LONG and at > further and tape[at - further - 1] == tape[-length - further - 1]:
                further += 1
            return length + further, copied
    return 0, []


def _last_occurrence(text: bytes, length: int) -> int | None:
    """Return where the last ``length`` tokens of ``text`` occurred before, the latest such place, or None.

    ``text``: tokens as 8-byte integers; C's search over a few thousand of them takes microseconds.
    """
    if len(text) <= 8 * length:
        return None
    ending, end = text[-8 * length :], len(text) - 8
    while (found := text.rfind(ending, 0, end)) >= 0:
        if found % 8 == 0:
            return found // 8
        end = found + len(ending) - 1
    return None


def _until_end(tokens: list[int], ends: frozenset[int]) -> list[int]:
    for i, token in enumerate(tokens):
        if token in ends:
            return tokens[: i + 1]
    return tokens
