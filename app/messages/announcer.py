"""Announces finished sentences to screen readers while an answer streams."""

from __future__ import annotations

import re

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QWidget

from app.look.announce import announce

WHOLE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n+")
FENCE = re.compile(r"\s*(?:`{3,}|~{3,})")
MARKUP = re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*+]\s+)|[*_`~]{1,3}|</?think>", re.MULTILINE)


class Sentences:
    """Cuts growing text into sentences, Markdown signs taken out; of a code block only its beginning is said."""

    def __init__(self) -> None:
        self._rest = ""
        self._code = False

    def take(self, text: str) -> list[str]:
        """Add ``text`` and return the sentences it completes."""
        self._rest += text
        found, at = [], 0
        for end in WHOLE.finditer(self._rest):
            found += self._said(self._rest[at : end.end()])
            at = end.end()
        self._rest = self._rest[at:]
        return found

    def finish(self) -> list[str]:
        """Return what is left, as the text has ended."""
        left, self._rest = self._said(self._rest), ""
        return left

    def _said(self, piece: str) -> list[str]:
        if FENCE.match(piece):
            self._code = not self._code
            return ["Code block."] if self._code else []
        words = " ".join(MARKUP.sub("", piece).split())
        return [] if self._code or not any(map(str.isalnum, words)) else [words]


class Announcer:
    """Announces sentences of ``view`` politely, those of one frame together, if a screen reader is running."""

    def __init__(self, view: QWidget) -> None:
        self._view = view
        self._sentences = Sentences()

    def tell(self, text: str) -> None:
        """Announce the sentences that ``text`` completes."""
        self._announce(self._sentences.take(text))

    def end(self, *more: str) -> None:
        """Announce what is left, and ``more``."""
        self._announce([*self._sentences.finish(), *more])

    def _announce(self, sentences: list[str]) -> None:
        if sentences and QAccessible.isActive():
            announce(self._view, " ".join(sentences))
