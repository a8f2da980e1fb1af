"""Writes tables: Qt wants the number of rows and columns before the first cell."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markdown_it.token import Token
from PySide6.QtGui import QTextBlockFormat, QTextCursor

from app.reading.formats import Formats
from app.reading.inline import BREAK, write_inline

END_OF_FRAME = "\ufdd1"  # what Qt ends a table with; it builds the frames themselves only after the edit

LINE_BREAK = re.compile(r"\s*<br\s*/?>\s*", re.IGNORECASE)

Row = list[tuple[Token, str]]  # of each cell what stands in it, and to which side


def write_table(
    cursor: QTextCursor, tokens: Iterable[Token], formats: Formats, left: int, *, headed: bool = True
) -> list[str]:
    """Write the table whose inside is ``tokens``, and leave ``cursor`` in the empty block below.

    ``left``: how far it is moved in. ``headed``: its first row is written. Returns the source of every formula
    drawn, in order.
    """
    rows, drawn = _rows(tokens), list[str]()
    if not headed:
        rows = rows[1:] or rows
    table = cursor.insertTable(len(rows), max(map(len, rows)), formats.table(left))
    for y, row in enumerate(rows):
        letters = formats.strong(formats.text) if y == 0 and headed else formats.text
        for x, (token, align) in enumerate(row):
            inside = table.cellAt(y, x).firstCursorPosition()
            inside.setBlockFormat(formats.cell(align))
            drawn += write_inline(inside, _broken(token.children or []), letters, formats)
    cursor.setPosition(table.lastPosition() + 1)
    cursor.setBlockFormat(QTextBlockFormat())
    return drawn


def below_table(cursor: QTextCursor) -> bool:
    """Return whether a table ends right before ``cursor``."""
    return cursor.document().characterAt(cursor.position() - 1) == END_OF_FRAME


def _broken(tokens: list[Token]) -> list[Token]:
    """Break lines where a cell says ``<br>``, the only way it has."""
    for token in tokens:
        if token.type == "text":
            token.content = LINE_BREAK.sub(BREAK, token.content)
    return tokens


def _rows(tokens: Iterable[Token]) -> list[Row]:
    rows, align = list[Row](), ""
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            align = str(token.attrGet("style") or "").removeprefix("text-align:")
        elif token.type == "inline":
            rows[-1].append((token, align))
    return rows
