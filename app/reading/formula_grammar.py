r"""Formulas in Markdown: \( \) and $ $ in a line, \[ \] and $$ $$ on their own. No Qt.

A dollar is a dollar unless it clearly is not: nothing but TeX stands between two of them in one line, neither touches
white space on its inside nor a letter or digit on its outside, and a plain word among others there makes it prose.
The other delimiters are doubted as well: prose between them, three dollars in a row and a bracket that was only
escaped make no formula. Only what stands between delimiters on lines of their own is never doubted.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

DELIMITERS = {r"\(": r"\)", r"\[": r"\]", "$$": "$$", "$": "$"}
DISPLAYED = (r"\[", "$$")
KIND = "formula"  # of the tokens, inline and block alike: content is the TeX, info the source with its delimiters
WORD = re.compile(r"[^\W\d_]{2,}")
MARKUP = re.compile(r"[\\^_={}]")  # what TeX has and prose has not
COMMAND = re.compile(r"\\[A-Za-z]+\*?(?:\s*\{[^{}]*\})?")  # of TeX, with its argument
SENTENCE = re.compile(r"[^\W\d_]{2,},? [^\W\d_]{2,}")  # two words beside each other
SHELL = re.compile(r"\s*;|\s\w+=$")  # between two process numbers: a command's end, a variable to be set
ESCAPED = re.compile(r"[^\W\d_]{4,}")  # a word that somebody put into escaped brackets


def formulas(markdown: MarkdownIt) -> None:
    """Teach ``markdown`` formulas: a plugin for its ``use``."""
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    markdown.block.ruler.before("fence", KIND, _block, interrupts)
    markdown.inline.ruler.before("escape", KIND, _inline)


def find_formulas(source: str) -> list[tuple[str, bool]]:
    """Return the TeX of every formula in ``source``, and whether it is displayed on lines of its own."""
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").use(formulas).parse(source)
    inside = [child for token in tokens for child in token.children or ()]
    return [(token.content, token.markup in DISPLAYED) for token in (*tokens, *inside) if token.type == KIND]


def _inline(state: StateInline, silent: bool) -> bool:
    """Take a formula that begins at the state's position: a rule of markdown-it's inline parser."""
    opening = _opening(state.src, state.pos)
    found = None if opening is None else _closed(state.src, state.pos, opening)
    if opening is None or found is None:
        return False
    content, end = found
    if not silent:
        token = state.push(KIND, "", 0)
        token.content, token.info = content.strip(), state.src[state.pos : end]
        token.markup = opening
    state.pos = end
    return True


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Take the lines of a displayed formula: a rule of markdown-it's block parser. Text behind it makes it inline."""
    start = state.bMarks[first] + state.tShift[first]
    opening = _opening(state.src, start)
    if opening not in DISPLAYED or state.is_code_block(first):
        return False
    lines: list[str] = []
    for line in range(first, last):
        if state.isEmpty(line) or (line > first and state.sCount[line] < state.blkIndent):
            return False
        lines.append(state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip())
        text = "\n".join(lines)
        closing = text.find(DELIMITERS[opening], len(opening))
        if closing >= 0:
            break
    else:
        return False
    content = text[len(opening) : closing]
    if closing + len(opening) < len(text) or not content.strip() or content.startswith("$"):
        return False
    if "\n" not in content and _prose(content, opening):
        return False
    if not silent:
        token = state.push(KIND, "", 0)
        token.block, token.markup, token.map = True, opening, [first, line + 1]
        token.content, token.info = content.strip(), text
        state.line = line + 1
    return True


def _opening(source: str, at: int) -> str | None:
    return next((opening for opening in DELIMITERS if source.startswith(opening, at)), None)


def _closed(source: str, start: int, opening: str) -> tuple[str, int] | None:
    """Return what stands between ``opening`` at ``start`` and its closing delimiter, and where that ends."""
    first = start + len(opening)
    end = source.find(DELIMITERS[opening], first)
    while opening == "$" and end > 0 and source[end - 1] == "\\":
        end = source.find("$", end + 1)
    content = source[first:end]
    if end < 0 or not content.strip() or "\n\n" in content:
        return None
    before, after = source[max(start - 1, 0) : start], source[end + len(opening) : end + len(opening) + 1]
    if "$" in opening and ("$" in (before, after) or content[0] == "$"):
        return None  # a longer row of dollars
    certain = _certain(before, content, after) if opening == "$" else not _prose(content, opening)
    return (content, end + len(opening)) if certain else None


def _certain(before: str, content: str, after: str) -> bool:
    """Return whether dollars around ``content`` mean a formula."""
    if before.isalnum() or after.isalnum() or content != content.strip() or "`" in content or "\n" in content:
        return False
    return MARKUP.search(content) is not None or len(content.split()) == 1 or WORD.search(content) is None


def _prose(content: str, opening: str) -> bool:
    """Return whether ``content`` between longer delimiters reads like prose or a shell command."""
    if "`" in content or '"' in content:
        return True
    if SENTENCE.search(COMMAND.sub(" ; ", content)):
        return True
    if MARKUP.search(content):
        return opening == "$$" and SHELL.match(content) is not None
    if len(content.split()) == 1:
        return opening != "$$" and ESCAPED.search(content) is not None
    return WORD.search(content) is not None
