"""Writes the inside of a block: words and their emphasis, links, code, formulas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from markdown_it.common.utils import normalizeReference
from markdown_it.token import Token
from PySide6.QtGui import QTextBlockFormat, QTextCharFormat, QTextCursor

from app.reading.alignment import STAND_IN
from app.reading.formats import Formats
from app.reading.formula_drawing import format_of
from app.reading.formula_grammar import DISPLAYED, KIND

TASK = re.compile(r"\[([ xX])\][ \t]+")
BREAK = "\u2028"  # a line break inside a block


def write_inline(cursor: QTextCursor, tokens: Sequence[Token], letters: QTextCharFormat, formats: Formats) -> list[str]:
    """Write ``tokens``, beginning with the format ``letters``; returns the source of every formula drawn, in order."""
    nested, drawn, ends = [letters], list[str](), list[str]()
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.nesting == 1:
            nested.append(_dressed(nested[-1], token, formats))
            begin, end = _brackets(token, following)
            cursor.insertText(begin, nested[-1])
            ends.append(end)
        elif token.nesting == -1:
            cursor.insertText(ends.pop(), nested[-1])
            nested.pop()
        elif token.type == "code_inline":
            cursor.insertText(token.content, formats.inline_code(nested[-1]))
        elif token.type == "image":
            link = formats.link(nested[-1], str(token.attrGet("src")))
            cursor.insertText(f"[{token.content or 'image'}]", link)
        elif token.type == KIND:
            drawn += write_formula(cursor, token, nested[-1], formats)
        elif token.type in ("softbreak", "hardbreak"):
            cursor.insertText(BREAK, nested[-1])
        else:
            cursor.insertText(token.content, nested[-1])
    return drawn


def write_formula(cursor: QTextCursor, token: Token, letters: QTextCharFormat, formats: Formats) -> list[str]:
    """Write a formula as one drawn character and return its source; if it cannot be drawn, write the source."""
    displayed = token.markup in DISPLAYED
    form = format_of(token.content, token.info, letters, formats.font(letters), displayed=displayed)
    if form is None:
        cursor.insertText(token.info.replace("\r", "").replace("\n", BREAK), letters)
        return []
    cursor.insertText(STAND_IN, form)
    return [token.info]


def take_box(tokens: list[Token], form: QTextBlockFormat) -> None:
    """Turn the ``[ ]`` or ``[x]`` at the start of a list item into a check box."""
    found = TASK.match(tokens[0].content) if tokens and tokens[0].type == "text" else None
    if found is not None:
        tokens[0].content = tokens[0].content[found.end() :]
        marks = QTextBlockFormat.MarkerType
        form.setMarker(marks.Unchecked if found[1] == " " else marks.Checked)


def _brackets(token: Token, following: Token | None) -> tuple[str, str]:
    """Return the text around a link: brackets if its words only name its target, as for a source."""
    label = token.meta.get("label")
    bare = label and following is not None and normalizeReference(following.content) == normalizeReference(label)
    return ("[", "]") if bare else ("", "")


def _dressed(form: QTextCharFormat, token: Token, formats: Formats) -> QTextCharFormat:
    """Return ``form`` changed as the opening ``token`` asks."""
    match token.type:
        case "strong_open":
            return formats.strong(form)
        case "em_open":
            return formats.emphasised(form)
        case "s_open":
            return formats.struck(form)
        case "link_open":
            return formats.link(form, str(token.attrGet("href")))
    return form
