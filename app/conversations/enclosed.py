"""Fits a message into a Markdown document that has headings of its own. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

LOWERED = 2  # levels: the title and the names of who speaks are above
DEEPEST = 6
_PROBE = "\n\n## probe\n"
_ENDS = {
    "<!--": "-->",
    "<?": "?>",
    "<![cdata[": "]]>",
    "<!": ">",
    "<script": "</script>",
    "<style": "</style>",
    "<textarea": "</textarea>",
    "<pre": "</pre>",
}
_MARKDOWN = MarkdownIt("commonmark")


def enclosed(text: str, *, typed: bool = False) -> str:
    """Return ``text`` as closed Markdown, its headings lowered below those around it.

    Closes an open fence, comment or formula. ``typed`` text was written by hand: what looks like a heading is none.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    while typed and (escaped := _remade(text, _escaped)) != text:
        text = escaped  # what has become a paragraph makes a heading with the dashes below it
    return _closed(text if typed else _remade(text, _lowered))


def _remade(text: str, remake: Callable[[Sequence[str], Token], list[str]]) -> str:
    """Return ``text`` with the lines of each top-level heading rewritten."""
    lines = text.split("\n")
    for token in reversed(_MARKDOWN.parse(text)):
        if token.type == "heading_open" and token.level == 0 and token.map is not None:
            first, after = token.map
            lines[first:after] = remake(lines[first:after], token)
    return "\n".join(lines)


def _lowered(lines: Sequence[str], heading: Token) -> list[str]:
    """Return the lines of ``heading`` as those of one LOWERED levels down."""
    marks = "#" * min(int(heading.tag[1:]) + LOWERED, DEEPEST)
    if heading.markup.startswith("#"):
        return [lines[0].replace(heading.markup, marks, 1)]
    said = " ".join(line.strip() for line in lines[:-1])
    return [f"{marks} {said} {marks}" if said.endswith("#") else f"{marks} {said}"]


def _escaped(lines: Sequence[str], heading: Token) -> list[str]:
    """Return the lines of ``heading`` as those of a paragraph that shows its marks."""
    *rest, marked = lines
    return [*rest, marked.replace(heading.markup, f"\\{heading.markup}", 1)]


def _closed(text: str) -> str:
    """Return ``text`` with open blocks closed, which would swallow all that follows."""
    tokens = _MARKDOWN.parse(text + _PROBE)
    if tokens[-1].type != "heading_close":
        text += f"\n{_end(tokens[-1])}"
        tokens = _MARKDOWN.parse(text + _PROBE)
    if not _in_formula(tokens):
        return text
    return f"{text}\n$$" if tokens[-4].type == "paragraph_close" else f"{text}\n\n$$"


def _end(block: Token) -> str:
    """Return the line that ends ``block``, a fence or HTML."""
    if block.type == "fence":
        return block.markup
    content = block.content.lstrip().lower()
    return next(end for start, end in _ENDS.items() if content.startswith(start))


def _in_formula(tokens: Sequence[Token]) -> bool:
    """Return whether a formula begun by $$ at the start of a line has no end; $$ in code does not count."""
    inside = False
    for block in tokens:
        words = "".join("\n" if t.type.endswith("break") else t.content for t in block.children or () if _plain(t))
        for line in words.split("\n"):
            for at in range(line.count("$$")):
                inside = not inside and at == 0 and line.lstrip().startswith("$$")
    return inside


def _plain(token: Token) -> bool:
    return token.type in {"text", "softbreak", "hardbreak"}
