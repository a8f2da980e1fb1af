"""Where a growing reply's Markdown can be cut without changing what it means."""

from __future__ import annotations

from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from app.reading.source import Parts, parts, settled

SAMPLES = {
    "prose": "# Title\n\nOne paragraph\nover two lines.\n\nAnother *one*.\n\n---\n\nThe end.",
    "loose list": "Before:\n\n- one\n\n- two\n\n  more of two\n\n- three\n\nAfter.\n",
    "numbered": "1. one\n2. two\n\n3. three\n\n   ```python\n   x = 1\n\n   y = 2\n   ```\n\n10) other\n\nEnd",
    "code": "Look:\n```python\ndef f():\n\n    return '```'\n```\nand\n\n~~~\n# no heading\n\n- no list\n~~~\n\nEnd",
    "indented": "Text\n\n    code\n\n    more code\n\nText",
    "quote": "> one\n>\n> two\n\n> three\nlazy\n\nplain",
    "table": "| a | b |\n|---|--:|\n| 1 | 2 |\n\n| c |\n|---|\n| 3 |\nnot a row? yes it is\n\nplain",
    "nested": "* a\n  * b\n\n    c\n\n  * d\n\n    ```\n    e\n    ```\n\n* f\n\n1986. A year\n\n2 apples",
    "unclosed": "```js\nlet a = 1;\n\nlet b",
    "backticks": "```not `a` fence\n\ntext\n\n``` ok\ncode\n```\n",
}


@pytest.mark.parametrize("source", SAMPLES.values(), ids=SAMPLES.keys())
def test_pieces_render_like_the_whole(source: str) -> None:
    """Guards: a block cut in two because the second half had not arrived, or cut before it was certain to be over."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    cuts = [0]
    for length in range(len(source) + 1):
        end = settled(source, cuts[-1], length)
        assert end == cuts[-1] or end <= length
        if end > cuts[-1]:
            cuts.append(end)
    cuts.append(len(source))
    pieces = [source[a:b] for a, b in pairwise(cuts)]
    assert "".join(markdown.render(piece) for piece in pieces) == markdown.render(source)


def test_blocks_are_settled_as_they_close() -> None:
    """Guards: a long reply that stays plain until its last character, which is the slow way to be right."""
    assert settled(SAMPLES["prose"], 0, 12) > 0
    code = SAMPLES["code"]
    closed = code.index("```\nand") + 4
    assert settled(code, 0, closed) == closed
    assert settled(code, 0, closed - 1) < closed


@pytest.mark.parametrize(
    ("source", "thoughts", "answer"),
    [
        ("An answer.", None, "An answer."),
        ("<think>\nhm, ", "hm, ", None),
        ("<think>hm</thi", "hm", None),
        ("\n<think>\nhm\n</think>\n\nYes.", "hm\n", "Yes."),
        ("hm\n</think>\n\nYes.", "hm\n", "Yes."),
        ("<thi", None, ""),
        ("Say <think> aloud.</think>", None, "Say <think> aloud.</think>"),
    ],
)
def test_thoughts_are_told_from_the_answer(source: str, thoughts: str | None, answer: str | None) -> None:
    """Guards: tags shown as text, half a tag flickering by, and tags that are only spoken of."""
    found: Parts = parts(source)
    assert (None if found.thoughts is None else source[found.thoughts.start : found.thoughts.stop]) == thoughts
    assert (None if found.answer is None else source[found.answer.start : found.answer.stop]) == answer
