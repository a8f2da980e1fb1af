"""Decides how much of the end of growing Markdown can be shown already in its final form. No Qt."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.reading.cutting import ROW
from app.reading.source import FENCE, closes, fence_of, opens

SIGNS = re.compile(r"[ \t>]*(?:[-*+#=|:`~_ \t]*|\d{1,9}[.)]?[ \t]*|[-*+][ \t]+\[[ xX]?\]?[ \t]*)")
BEGUN_DELIMITERS = re.compile(r"[ \t|:-]*")
LOOSE_END = re.compile(r"(?:[*_`~!\\$]+|\](?:\([^)\s]*)?|<[^>\s]{0,200}|&\w{0,20})$")  # may begin something, or end it
REACH = 250  # characters in which it is looked for
SPAN = re.compile(r"(`+)(?:.(?!\1))*.\1")
LONGEST = 4000  # characters of a line in which open signs are looked for
EMPHASIS = [  # the sign, what it encloses where it is closed, and where it is not
    (
        sign,
        re.compile(rf"{re.escape(sign)}(?=\S).+?{re.escape(sign)}"),
        re.compile(rf"{before}{re.escape(sign)}(?=[^\s*~])"),
    )
    for sign, before in (("***", ""), ("**", ""), ("~~", ""), ("*", r"(?:^|(?<=[\s(>]))"))
]
FENCE_BELOW = re.compile(r"(\n?) {0,3}(`{3,}|~{3,})\s*")
PLAIN = re.compile(r"[^\n*_`~\[\]<>|#\\$!&:/@^=+]*")


@dataclass(frozen=True, slots=True)
class Tip:
    """``shown`` characters of a piece can be shown as if ``closing`` followed.

    ``fence`` is that of the code they end in, or "".
    """

    shown: int
    closing: str = ""
    fence: str = ""


def tip_of(piece: str, fence: str = "") -> Tip:
    """Return how much of ``piece``, whose last block may continue, is certain enough to show.

    ``fence``: the line that opened the code in which it begins, if it does.

    Left out is what would soon look different: a line of nothing but signs, a fence without its line break, the first
    lines of a table, signs and targets at the end. Emphasis and code that wait for their end are shown as such.
    """
    lines = piece.split("\n")
    last, fence = lines[-1], opens(fence_of([*([fence] if fence else []), *lines[:-1]]))
    before = len(piece) - len(last)
    if fence:
        return Tip(before if last.strip() and set(last.strip()) == {fence[0]} else len(piece), fence=fence)
    last = last.rstrip()
    if FENCE.match(last) or SIGNS.fullmatch(last):
        last = ""
    held = _table_begun(lines)
    if held is not None:
        before, last = held, ""
    if not last:
        return Tip(len(piece[:before].rstrip()))
    loose = LOOSE_END.search(last, max(len(last) - REACH, 0))
    last = last[: loose.start()].rstrip() if loose else last
    return Tip(before + len(last), closing=_closing(last))


def continues(piece: str, shown: int, tip: Tip) -> bool:
    """Return whether ``tip`` only continues the last line of the ``shown`` characters of ``piece``."""
    added = piece[shown : tip.shown]
    if not shown or tip.shown < shown or piece[shown - 1] == "\n":
        return False
    return "\n" not in added if tip.fence else PLAIN.fullmatch(added) is not None


def stays(piece: str, shown: int, tip: Tip) -> bool:
    """Return whether ``piece``, now complete, looks like its first ``shown`` characters plus plain words at most.

    ``tip`` is how they were shown. Code may only gain its closing fence.
    """
    if not tip.fence:
        return continues(piece, shown, Tip(len(piece.rstrip())))
    below = FENCE_BELOW.fullmatch(piece, shown)
    return below is not None and bool(below[1]) != (piece[shown - 1] == "\n") and closes(below[2], tip.fence)


def _table_begun(lines: list[str]) -> int | None:
    """Return where an unfinished table head at the end of ``lines`` begins, or None."""
    for back in (1, 2):
        if len(lines) < back or not ROW.match(lines[-back]):
            continue
        if len(lines) > back and lines[-back - 1].strip():
            continue  # not the first line of its block
        if back == 1 or BEGUN_DELIMITERS.fullmatch(lines[-1]):
            return sum(len(line) + 1 for line in lines[:-back])
    return None


def _closing(line: str) -> str:
    """Return the sign that closes what is open at the end of ``line``, or ""."""
    if len(line) > LONGEST:
        return ""
    rest = SPAN.sub("", line)
    if rest.count("`") == 1 and not rest.endswith("`"):
        return "`"
    for sign, closed, opened in EMPHASIS:
        rest = closed.sub("", rest)
        if opened.search(rest):
            return sign
    return ""
