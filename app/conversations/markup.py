"""Turns an answer into HTML that loads and runs nothing: raw HTML becomes text, images their names. No Qt."""

from __future__ import annotations

import html
from collections.abc import MutableMapping, Sequence
from typing import Any

from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from app.reading.formula_grammar import KIND as FORMULA
from app.reading.grammar import grammar


def typeset(text: str) -> str:
    """Return ``text``, Markdown as the Reading view takes it, as HTML; formulas stay as they were written."""
    return str(_MARKDOWN.render(text))


def last_code(text: str) -> str | None:
    """Return the last code block of ``text``, None where it has none."""
    blocks = [token.content for token in _MARKDOWN.parse(text) if token.type in {"fence", "code_block"}]
    return blocks[-1] if blocks else None


def _image(
    _: RendererProtocol, tokens: Sequence[Token], at: int, __: OptionsDict, ___: MutableMapping[str, Any]
) -> str:
    """Write an image's name instead of the image: opening the page must not fetch anything."""
    token = tokens[at]
    return html.escape(f"[image: {token.content}] {token.attrs.get('src', '')}".strip())


def _web(address: str) -> bool:
    """Return whether a link may be kept: web and mail addresses, but no files or network shares."""
    return address.lower().startswith(("http:", "https:", "mailto:"))


def _formula(
    _: RendererProtocol, tokens: Sequence[Token], at: int, __: OptionsDict, ___: MutableMapping[str, Any]
) -> str:
    """Write a formula as its source: what opens the page may have nothing to draw it with."""
    token = tokens[at]
    source = html.escape(token.info.strip())
    return f"<p>{source}</p>\n" if token.block else source


_MARKDOWN = grammar()
_MARKDOWN.add_render_rule("image", _image)
_MARKDOWN.add_render_rule(FORMULA, _formula)
_MARKDOWN.validateLink = _web  # type: ignore[assignment,method-assign]  # the documented way to narrow it
