"""Prepares text for the search index: scripts without spaces are split into characters. No Qt."""

from __future__ import annotations

import re

MARK = "\x1f"  # before and behind what was found
AHEAD, BEHIND = 30, 70  # characters of an excerpt before what was found, and from there on
PLACES = 200  # that are looked at, the first ones

_SIGNS = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"  # Chinese, Japanese and Korean
_SIGN = re.compile(f"([{_SIGNS}])")
_BETWEEN = re.compile(f"(?<=[{_SIGNS}]) +(?=[{_SIGNS}])")


def indexed(text: str) -> str:
    """Return ``text`` with every sign of a script without spaces as a word of its own."""
    return _SIGN.sub(r" \1 ", text)


def excerpt(marked: str) -> str:
    """Return what stands around what was found in an indexed text, on one line, as it was written.

    ``marked``: the text with MARK before and behind each of these words. Of several places the first is taken that has
    most of them together. (FTS5's own snippet takes 12 s where a message has one word 30,000 times.)
    """
    parts = marked.split(MARK)  # of which every other was found
    at = max(range(1, min(len(parts), 2 * PLACES), 2), key=lambda place: _different(parts, place), default=0)
    before, after = "".join(parts[max(at - 2 * PLACES, 0) : at]), "".join(parts[at : at + 2 * PLACES])
    ahead, behind = before[-AHEAD:], after[:BEHIND]
    if len(ahead) < len(before):
        ahead = "…" + "".join(ahead.split(None, 1)[1:])  # whole words
    if len(behind) < len(after):
        behind = " ".join(behind.split()[:-1] or [behind]) + "…"
    return _BETWEEN.sub("", " ".join((ahead + behind).split()))


def _different(parts: list[str], place: int) -> int:
    """Return how many different words were found within an excerpt from ``place`` on."""
    found, length = set[str](), 0
    for at, part in enumerate(parts[place : place + 2 * PLACES]):
        if length >= BEHIND:
            break
        found |= {part.casefold()} if at % 2 == 0 else set()
        length += len(part)
    return len(found)


def query(text: str) -> str:
    """Return the FTS5 query for texts with all words of ``text``, whole or begun; empty if there is none in it."""
    words = [word for word in text.replace('"', " ").split() if any(map(str.isalnum, word))]
    return " ".join(f'"{indexed(word).strip()}"*' for word in words)
