"""Names the levels for people: guesser, checker and big model, or the technical words. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.config import source_kind
from engine.events import LevelInfo, guesses


@dataclass(frozen=True, slots=True)
class Caption:
    """The words for one level.

    ``name`` comes first and ``beside`` after it, quieter: the word of the other vocabulary, or empty. ``noun`` is the
    name within a sentence. ``meaning`` is a sentence that explains both, for a tool tip.
    """

    name: str
    beside: str
    noun: str
    meaning: str

    @property
    def subject(self) -> str:
        """The name at the beginning of a sentence."""
        return self.noun[:1].upper() + self.noun[1:]


def captions_of(levels: Sequence[LevelInfo], *, technical: bool) -> tuple[Caption, ...]:
    """Return the caption of each of ``levels``, bottom first; ``technical`` words where those are wanted."""
    return tuple(_caption(levels, index, technical=technical) for index in range(len(levels)))


def _caption(levels: Sequence[LevelInfo], index: int, *, technical: bool) -> Caption:
    title, plain = levels[index].title, plain_name(levels, index)
    noun = f"the {plain.lower()}" if not plain[-1].isdigit() else plain.lower()
    if technical:
        return Caption(title, "", title, f"{title}, {noun}, {_task(levels, index)}.")
    called = f"{noun[:1].upper()}{noun[1:]} (in technical words: {title}) {_task(levels, index)}."
    return Caption(plain, title, noun, called)


def plain_name(levels: Sequence[LevelInfo], index: int) -> str:
    """Return the plain name of a level, by what it does in the chain."""
    if index == len(levels) - 1:
        return "Big model"
    if guesses(levels, index):
        return _guesser(levels, index)
    checkers = [at for at in range(index, len(levels) - 1) if not guesses(levels, at)]
    before = sum(not guesses(levels, at) for at in range(index))
    return f"Checker {before + 1}" if before or len(checkers) > 1 else "Checker"


def _guesser(levels: Sequence[LevelInfo], index: int) -> str:
    """Return the name of one that guesses, with a number where several are called alike."""
    nouns = [source_kind(info.kind).noun for at, info in enumerate(levels) if guesses(levels, at)]
    at = sum(guesses(levels, other) for other in range(index))
    return nouns[at] if nouns.count(nouns[at]) == 1 else f"{nouns[at]} {1 + nouns[:at].count(nouns[at])}"


def _task(levels: Sequence[LevelInfo], index: int) -> str:
    """Say what a level is and does, as the end of a sentence about it."""
    info, top = levels[index], len(levels) - 1
    if top == 0:
        return "writes every word itself, one token at a time"
    if index == top:
        return "has the last word on every guess, and writes the right one where a guess was wrong"
    return source_kind(info.kind).task(info.detail, bottom=guesses(levels, index))
