"""Maps each character of typeset Markdown back to its place in the source. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

STAND_IN = "\ufffc"  # shown for something that is drawn
REACH = 400  # characters of markup, at most, between two that are shown


def align(source: str, shown: str, drawn: Sequence[str] = ()) -> Iterator[int]:
    """Yield the position in ``source`` of every character of ``shown``, in ascending order.

    What is shown is the source with markup taken out, so each character is looked for behind the one before it. White
    space, and signs that are not in the source, stand where the last character found ends. ``drawn``: what stands in
    the source for each STAND_IN.
    """
    at, pictures = 0, iter(drawn)
    for character in shown:
        if character == STAND_IN:
            whole = next(pictures, "")
            found = source.find(whole, at, at + REACH + len(whole)) if whole else -1
            if found >= 0:
                yield found
                at = found + len(whole)
                continue
        elif not character.isspace():
            found = source.find(character, at, at + REACH)
            if found >= 0:
                yield found
                at = found + 1
                continue
        yield at


def begin_at(offsets: Iterable[int], source: str, shown: str, drawn: Sequence[str] = ()) -> Iterator[int]:
    """Yield where in ``shown`` (in UTF-16 units) the text at each of the ascending ``offsets`` of ``source`` begins.

    ``drawn`` is as in ``align``.
    """
    aligned = align(source, shown, drawn)
    position, at = 0, next(aligned, None)
    characters = iter(shown)
    for offset in offsets:
        while at is not None and at < offset:
            position += 2 if next(characters) > "\uffff" else 1
            at = next(aligned, None)
        yield position
