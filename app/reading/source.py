"""Splits a growing reply into thoughts and answer, and finds how much of either can no longer change. No Qt."""

from __future__ import annotations

import re
from dataclasses import dataclass

OPENED = re.compile(r"\s*<think>\n?")
CLOSED = re.compile(r"</think>\s*")
LONE_CLOSE = re.compile(r"^</think>[ \t]*\n\s*", re.MULTILINE)  # opened in the prompt, as some templates do
FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})([^\n]*)")
ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
NUMBERED = re.compile(r"( {0,3})(?:[-*+]|(\d{1,9})[.)])[ \t]")
LONG_LIST = 1500  # characters from which on a list is parted between two of its items
PERHAPS_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)]?)?$")


@dataclass(frozen=True, slots=True)
class Parts:
    """The ranges of a reply's thoughts and answer in its source, without tags; ``answer`` is None while it thinks."""

    thoughts: range | None
    answer: range | None


def parts(source: str, *, final: bool = False) -> Parts:
    """Split ``source`` at its thinking tags: a block opened at its very beginning, or one that is only closed.

    The beginning of a tag at the end of ``source`` belongs to neither part, unless that is ``final``.
    """
    length = len(source)
    opened = OPENED.match(source)
    if opened is None:
        closed = LONE_CLOSE.search(source) if "</think>" in source else None  # the quick search first
        if closed is not None:
            return Parts(range(closed.start()), range(closed.end(), length))
        return Parts(None, range(0 if not final and "<think>".startswith(source.lstrip()) else length))
    closed = CLOSED.search(source, opened.end())
    if closed is None:
        return Parts(range(opened.end(), length if final else length - _begun(source)), None)
    return Parts(range(opened.end(), closed.start()), range(closed.end(), length))


def _begun(source: str) -> int:
    """Return how many characters of a closing tag are at the end of ``source``."""
    return next((count for count in range(7, 0, -1) if source.endswith("</think>"[:count])), 0)


def settled(source: str, start: int, end: int, fence: str = "") -> int:
    """Return the end of the blocks from ``start`` on that are complete, whatever follows ``end``.

    Two blocks part at a blank line, unless what follows may still continue a list; code parts at its closing fence, a
    long list between two items. ``fence``: the line that opened the code in which ``start`` lies, if it does.
    """
    scan = _Scan(start, fence)
    at = start
    while at < end:
        stop = source.find("\n", at, end)
        scan.take(source[at : end if stop < 0 else stop], at, whole=stop >= 0)
        at = end if stop < 0 else stop + 1
    return scan.safe


def opens(line: str) -> str:
    """Return the fence by which ``line`` opens code, or ""."""
    mark = FENCE.match(line)
    return "" if mark is None or (mark[1][0] == "`" and "`" in mark[2]) else mark[1]


def closes(line: str, fence: str) -> bool:
    """Return whether ``line`` closes the code that ``fence`` opened."""
    closing = line.strip()
    return len(closing) >= len(fence) and set(closing) == {fence[0]}


def fence_of(lines: list[str]) -> str:
    """Return the line that opened code still open after ``lines``, or ""."""
    opening = ""
    for line in lines:
        if not opening:
            opening = line if opens(line) else ""
        elif closes(line, opens(opening)):
            opening = ""
    return opening


class _Scan:
    """Reads lines and remembers where the last complete block ended."""

    def __init__(self, start: int, fence: str) -> None:
        self.safe = start
        self._fence = opens(fence)
        self._listed = False  # the block at ``safe`` is a list
        self._item: tuple[str, int] | None = None  # how far its last item is moved in, and that one's number
        self._first = True  # no line of that block has been read
        self._blank = False  # the last line was blank

    def take(self, line: str, at: int, *, whole: bool) -> None:
        """Read a line that begins at ``at``; ``whole``: it has its line break."""
        if self._fence:
            self._inside_fence(line, at, whole=whole)
            return
        if not line.strip():
            self._blank = True
            return
        if self._blank and not self._continues(line, whole=whole):
            self._part(at)
        self._count(line, at)
        if self._first:
            self._listed, self._first = ITEM.match(line) is not None, False
        self._blank = False
        if whole:
            self._fence = opens(line)

    def _count(self, line: str, at: int) -> None:
        """Part a long list before ``line`` where that is its next item; numbers have to go on as they are counted."""
        item = NUMBERED.match(line)
        if item is None:
            return
        now = (item[1], int(item[2] or -1))
        before = self._item
        if before is not None and now[0] != before[0]:
            return  # an item of an item
        self._item = now
        counted = before is not None and now[1] == (before[1] + 1 if before[1] >= 0 else -1)
        if self._listed and counted and at - self.safe > LONG_LIST:
            self._part(at)
            self._item = now

    def _inside_fence(self, line: str, at: int, *, whole: bool) -> None:
        if whole and closes(line, self._fence):
            self._fence = ""
            if not self._listed:
                self._part(at + len(line) + 1)

    def _continues(self, line: str, *, whole: bool) -> bool:
        """Tell whether ``line``, after a blank one, may belong to the block before it."""
        if line[0] in " \t":
            return True
        if not self._listed:
            return False
        return ITEM.match(line) is not None or (not whole and PERHAPS_ITEM.match(line) is not None)

    def _part(self, at: int) -> None:
        self.safe, self._first, self._listed, self._blank = at, True, False, False
        self._item = None
