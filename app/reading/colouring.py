"""Colours code by its syntax, in the window's palette."""

from __future__ import annotations

from collections.abc import Iterator

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token, _TokenType
from pygments.util import ClassNotFound

from app.look.palette import Palette

LONGEST = 40_000  # characters; longer code stays in one colour


def coloured(code: str, language: str, palette: Palette) -> Iterator[tuple[str, str]]:
    """Yield ``code`` in pieces with their colours (``#rrggbb``); in one piece if the language is unknown."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False) if len(code) <= LONGEST else None
    except ClassNotFound:
        lexer = None
    if lexer is None:
        yield code, palette.text
        return
    for kind, text in lexer.get_tokens(code):
        yield text, _colour(kind, palette)


def _colour(kind: _TokenType, palette: Palette) -> str:
    colours = {
        Comment: palette.muted,
        Keyword: palette.target,
        Operator.Word: palette.target,
        String: palette.draft,
        Number: palette.intermediate,
        Name.Function: palette.lookup,
        Name.Class: palette.lookup,
        Name.Decorator: palette.intermediate,
        Name.Tag: palette.target,
        Name.Attribute: palette.lookup,
        Name.Builtin: palette.lookup,
        Token: palette.text,
    }
    while kind not in colours:
        kind = kind.parent
    return colours[kind]
