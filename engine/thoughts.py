"""Thoughts before an answer: whatever marks a model puts around them, <think> and </think> is what all others read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OPENED, CLOSED = "<think>", "</think>"  # the one spelling
_WORDS = re.compile(r"think|thought|reason", re.IGNORECASE)
_MARK = re.compile(r"<[^<>\s'\"{}]{1,40}>|\[[^\[\]\s'\"{}]{1,40}\]|◁[^◁▷\s'\"{}]{1,40}▷")
_ENDS = (("END", "START"), ("END", "BEGIN"), ("end", "start"), ("end", "begin"), ("end_", ""), ("_end", ""), ("/", ""))
_LONE = re.compile(r"^</think>[ \t]*\n", re.MULTILINE)  # of an answer kept before marks were written in one spelling


def answer_of(text: str) -> str:
    """Return what an answer says without the thoughts before it; nothing where it never came to an end of them."""
    if text.lstrip().startswith(OPENED):
        return text.partition(CLOSED)[2].lstrip()
    lone = _LONE.search(text) if CLOSED in text else None
    return text if lone is None else text[lone.end() :].lstrip()


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks a model puts around its thoughts, as (opening, closing) ``pairs``, its own before the common one."""

    pairs: tuple[tuple[str, str], ...] = ((OPENED, CLOSED),)

    @classmethod
    def found(cls, tokens: Iterable[str], template: str) -> Marks:
        """Find them among a vocabulary's added ``tokens`` and in a ``template``: a closing one and what it closes."""
        own = [token for token in tokens if _MARK.fullmatch(token)]
        known = dict.fromkeys(mark for mark in (*own, *_MARK.findall(template)) if _WORDS.search(mark))
        pairs = {
            (opening, closing): None
            for closing in known
            for end, start in _ENDS
            if end in closing and (opening := closing.replace(end, start, 1)) in known and opening != closing
        }
        return cls(tuple({**pairs, (OPENED, CLOSED): None}))

    def open_in(self, prompt: str) -> bool:
        """Tell whether ``prompt`` ends in an opening mark, so that the answer begins as a thought."""
        return prompt.rstrip().endswith(tuple(opening for opening, _ in self.pairs))

    def spelled(self, text: str, *, opened: bool) -> list[str]:
        """Return the answer ``text`` in the model's own spelling, each mark a part of its own.

        ``opened``: the opening one is in the prompt already.
        """
        words = text.lstrip()
        if not words.startswith(OPENED):
            return [text] if text else []
        opening, closing = self.pairs[0]
        thought, closed, answer = words.removeprefix(OPENED).partition(CLOSED)
        parts = [thought.removeprefix("\n")] if opened else [opening, thought]
        return [part for part in (*parts, *((closing, answer) if closed else ())) if part]


class Unified:
    """Rewrites the text of a reply as it grows: its thoughts, if it begins with any, in the one spelling.

    What may become a mark is held back until it is one or cannot be. ``opened``: the prompt opens a thought;
    ``before``: what was written of the answer earlier.
    """

    def __init__(self, marks: Marks, *, opened: bool = False, before: str = "") -> None:
        self._marks, self._held = marks, ""
        thinks = before.lstrip().startswith(OPENED) and CLOSED not in before
        self._due = f"{OPENED}\n" if opened and not before.strip() else ""  # to stand before all else
        self._begins = not (before.strip() or opened)
        self._thinks = thinks or bool(self._due)

    def push(self, text: str) -> str:
        """Return what became certain with ``text``."""
        if not (text or self._held):
            return ""
        due, self._due = self._due, ""
        self._held += text
        if self._begins:
            due += self._open()
        if self._thinks:
            due += self._close()
        if not (self._begins or self._thinks):
            due, self._held = due + self._held, ""
        return due

    def flush(self) -> str:
        """Return what was held back, as no more text comes."""
        due, self._due, self._held = self._due + self._held, "", ""
        return due

    def _open(self) -> str:
        """Take an opening mark from the beginning, if there is one."""
        words = self._held.lstrip()
        space = self._held[: len(self._held) - len(words)]
        mark = next((opening for opening, _ in self._marks.pairs if words.startswith(opening)), None)
        if mark is not None:
            self._begins, self._thinks, self._held = False, True, words[len(mark) :]
            return space + OPENED
        if any(opening.startswith(words) for opening, _ in self._marks.pairs):
            self._held = words
            return space
        self._begins = False
        return ""

    def _close(self) -> str:
        """Take the text up to the closing mark, or up to what may be the beginning of one."""
        closings = [closing for _, closing in self._marks.pairs]
        places = [(at, closing) for closing in closings if (at := self._held.find(closing)) >= 0]
        if places:
            at, closing = min(places)
            thought, self._held, self._thinks = self._held[:at], self._held[at + len(closing) :], False
            return thought + CLOSED
        kept = begun(self._held, closings)
        thought, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return thought


def begun(text: str, marks: Sequence[str]) -> int:
    """Return how many characters at the end of ``text`` may be the beginning of one of ``marks``."""
    longest = max((len(mark) - 1 for mark in marks), default=0)
    return next((n for n in range(min(longest, len(text)), 0, -1) if any(m.startswith(text[-n:]) for m in marks)), 0)
