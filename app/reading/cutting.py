"""Decides how much of a source is typeset at a time, and where blocks that are too long are cut. No Qt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from app.reading.source import fence_of, settled

HUGE = 8_000  # characters of one block that are typeset at once
PIECE = 3_000  # characters typeset at a time where there are many
DEARER = 10  # times as many take as long where they hold no formulas
ROW = re.compile(r" {0,3}\|")
DELIMITERS = re.compile(r" {0,3}\|[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
ITEM_BELOW = re.compile(r"\n(?=(?:[-*+]|\d{1,9}[.)])[ \t])")


@dataclass(frozen=True, slots=True)
class Resumed:
    """Says how to parse the rest of a block that was cut: behind the line that opened code, or a table's head."""

    prefix: str = ""
    kind: Literal["", "code", "table"] = ""

    @property
    def fence(self) -> str:
        """Return the line that opened the code being continued, or ""."""
        return self.prefix.removesuffix("\n") if self.kind == "code" else ""


def next_end(source: str, start: int, resumed: Resumed, *, final: bool) -> tuple[int, Resumed]:
    """Return up to where ``source`` from ``start`` on can be typeset as complete blocks, and how it goes on there.

    ``resumed``: how it goes on at ``start``. ``final``: there is no more than ``source``.
    """
    length, size = len(source), PIECE
    if any(source.find(sign, start, start + size) >= 0 for sign in ("$", "\\")):
        size //= DEARER  # formulas take a while
    while (end := settled(source, start, min(start + size, length), resumed.fence)) == start and size < HUGE:
        if start + size >= length:
            break
        size *= 2  # a block longer than that
    if end == start and length - start >= HUGE:
        return cut_through(source, start, resumed)
    return (length if end == start and final else end), Resumed()


def cut_through(source: str, start: int, resumed: Resumed) -> tuple[int, Resumed]:
    """Return where the block that begins at ``start``, HUGE or longer, is cut, and how it goes on from there.

    Code and tables are cut after a line, lists before an item, anything else after a word where there is one.
    """
    end = start + HUGE
    at = source.rfind("\n", start, end) + 1 or source.rfind(" ", start, end) + 1 or end
    lines = (resumed.prefix + source[start:at]).split("\n")[:-1]
    fence = fence_of(lines)
    if fence:
        return at, Resumed(f"{fence}\n", "code")
    head = _head(lines)
    if head:
        return at, Resumed(head, "table")
    items = list(ITEM_BELOW.finditer(source, start + HUGE // 2, end))
    return (items[-1].end() if items else at), Resumed()


def _head(lines: list[str]) -> str:
    """Return the first two lines of the table at the end of ``lines``, or ""."""
    first = len(lines)
    while first and ROW.match(lines[first - 1]):
        first -= 1
    head = lines[first : first + 2]
    return "".join(f"{line}\n" for line in head) if len(head) == 2 and DELIMITERS.fullmatch(head[1]) else ""
