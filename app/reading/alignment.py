"""Which character of a Markdown source each character of its typeset form came from. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

REACH = 400  # characters of markup, at most, between two that are shown


def align(source: str, shown: str) -> Iterator[int]:
    """Yield, for every character of ``shown``, where in ``source`` it stands; never descending.

    What is shown is the source with markup taken out, so each character is looked for behind the one before it. White
    space, and signs that are not in the source, stand where the last character found ends.
    """
    at = 0
    for character in shown:
        if not character.isspace():
            found = source.find(character, at, at + REACH)
            if found >= 0:
                yield found
                at = found + 1
                continue
        yield at


def begin_at(offsets: Iterable[int], source: str, shown: str) -> Iterator[int]:
    """Yield where in ``shown`` (in UTF-16 units) the text at each of the ascending ``offsets`` of ``source`` begins."""
    aligned = align(source, shown)
    position, at = 0, next(aligned, None)
    characters = iter(shown)
    for offset in offsets:
        while at is not None and at < offset:
            position += 2 if next(characters) > "\uffff" else 1
            at = next(aligned, None)
        yield position
