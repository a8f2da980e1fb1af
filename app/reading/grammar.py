"""Parses the Markdown of replies: CommonMark with tables, strikethrough and formulas; no line vanishes. No Qt."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar
from markdown_it.rules_block import StateBlock, reference, table
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

from app.reading.formula_grammar import formulas

WEB = ("http:", "https:", "mailto:")
ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>]*[^\s<>.,;:!?\"')\]]")
CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)


def grammar() -> MarkdownIt:
    """Return a parser that leaves HTML as text."""
    markdown = MarkdownIt("commonmark", {"html": False, "store_labels": True})
    markdown.enable(["table", "strikethrough"]).use(formulas)
    markdown.block.ruler.at("reference", _definitions)
    markdown.block.ruler.at("table", _wide_table, {"alt": ["paragraph", "reference"]})
    markdown.inline.ruler.at("emphasis", _emphasis)
    return markdown


def _definitions(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Parse link definitions, and keep their lines as a paragraph: readers want to see sources."""
    if silent:
        return False
    line = first
    known = set(state.env.get("references", ()))
    while line < last and not state.isEmpty(line) and reference(state, line, last, False):
        line = state.line
    state.line = first
    if line == first:
        return False
    targets = state.env.get("references", {})
    for label in set(targets) - known:
        if not str(targets[label]["href"]).lower().startswith(WEB):
            del targets[label]  # "[INFO]: started" is a line of a log
    _push_lines(state, first, line)
    state.line = line
    return True


def _push_lines(state: StateBlock, first: int, last: int) -> None:
    """Add a paragraph of the lines from ``first`` to ``last`` as they are written, with their addresses as links."""
    opening = state.push("paragraph_open", "p", 1)
    opening.map = [first, last]
    inline = state.push("inline", "", 0)
    inline.children = []
    for number in range(first, last):
        if number > first:
            inline.children.append(Token("softbreak", "br", 0))
        inline.children += _linked(getLine(state, number).rstrip())
    state.push("paragraph_close", "p", -1)


def _linked(text: str) -> list[Token]:
    """Return ``text`` as tokens, every web address in it a link."""
    made, at = list[Token](), 0
    for found in ADDRESS.finditer(text):
        made += [_text(text[at : found.start()])]
        made += [Token("link_open", "a", 1, attrs={"href": found[0]}), _text(found[0]), Token("link_close", "a", -1)]
        at = found.end()
    return [*made, _text(text[at:])]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _wide_table(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Parse a table, keeping cells beyond its header's last column."""
    before = len(state.tokens)
    if not table(state, first, last, silent):
        return False
    if silent:
        return True
    written, wide = state.tokens[before:], list[Token]()
    cells, line = 0, first
    for token in written:
        if token.type == "tr_open" and token.map:
            cells, line = 0, token.map[0]
        elif token.type in ("th_open", "td_open"):
            cells += 1
        elif token.type == "tr_close":
            for content in _cells(getLine(state, line))[cells:]:
                cell = Token("inline", "", 0, content=content.strip(), children=[], level=token.level + 2)
                wide += [Token("td_open", "td", 1), cell, Token("td_close", "td", -1)]
        wide.append(token)
    state.tokens[before:] = wide
    return True


def _cells(line: str) -> list[str]:
    cells = escapedSplit(line.strip())
    if cells and cells[0] == "":
        cells.pop(0)
    if cells and cells[-1] == "":
        cells.pop()
    return cells


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Parse stars and underscores as emphasis, beside Chinese, Japanese and Korean letters without spaces too.

    CommonMark asks for white space or punctuation outside of ``**「so」**``.
    """
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    scanned = state.scanDelims(state.pos, marker == "*")
    opens, closes = scanned.can_open, scanned.can_close
    before = state.src[state.pos - 1 : state.pos]
    after = state.src[state.pos + scanned.length : state.pos + scanned.length + 1]
    if marker == "*" and (CJK.match(before) or CJK.match(after)):
        opens = opens or (not (after.isspace() or not after) and not (_punctuation(after) and _closing(after)))
        closes = closes or (not (before.isspace() or not before) and not (_punctuation(before) and _opening(before)))
    for _ in range(scanned.length):
        token = state.push("text", "", 0)
        token.content = marker
        state.delimiters.append(
            Delimiter(ord(marker), scanned.length, len(state.tokens) - 1, -1, open=opens, close=closes)
        )
    state.pos += scanned.length
    return True


def _punctuation(sign: str) -> bool:
    return isMdAsciiPunct(ord(sign)) or isPunctChar(sign)


def _opening(sign: str) -> bool:
    return sign in "([{“‘「『（【《〈〔［｛"


def _closing(sign: str) -> bool:
    return sign in ")]}”’」』）】》〉〕］｝。、，．！？：；"
