"""Prepares text for the search index: scripts without spaces are split into characters. No Qt."""

from __future__ import annotations

import re

_SIGNS = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"  # Chinese, Japanese and Korean
_SIGN = re.compile(f"([{_SIGNS}])")
_BETWEEN = re.compile(f"(?<=[{_SIGNS}]) +(?=[{_SIGNS}])")


def indexed(text: str) -> str:
    """Return ``text`` with every sign of a script without spaces as a word of its own."""
    return _SIGN.sub(r" \1 ", text)


def readable(excerpt: str) -> str:
    """Return an excerpt of an indexed text on one line, as it was written."""
    return _BETWEEN.sub("", " ".join(excerpt.split()))


def query(text: str) -> str:
    """Return the FTS5 query for texts with all words of ``text``, whole or begun; empty if there is none in it."""
    words = [word for word in text.replace('"', " ").split() if any(map(str.isalnum, word))]
    return " ".join(f'"{indexed(word).strip()}"*' for word in words)
