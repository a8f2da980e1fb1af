"""Texts attached to a question, as a part of its text."""

from __future__ import annotations

import random

import pytest

from app.composing.attachment import LONG, PASTED, WORD, Attachment, joined, parted

LINES = ("", " ", "word", "```", "````python", "Attached: a.txt", "```\n```", "Attached: ", "雪 😀", "~~~", "x" * 200)


@pytest.mark.parametrize("seed", range(200))
def test_what_was_joined_is_parted_again(seed: int) -> None:
    """Guards: an attachment that swallows the question, another attachment, or a line of either."""
    draw = random.Random(seed)

    def some(most: int) -> str:
        return "\n".join(draw.choices(LINES, k=draw.randint(0, most)))

    attached = [Attachment(draw.choice(["a.txt", "b.py", "c: d"]), some(6)) for _ in range(draw.randint(1, 3))]
    typed = draw.choice(["", "Why?", "Explain:\n", "one\n\ntwo"])
    question = joined(typed, attached)
    assert parted(question) == (typed, attached)
    assert joined(*parted(question)) == question


@pytest.mark.parametrize("text", ["", "Why?", "Fix this:\n```python\nx\n```", "Attached: x", "```\n```", "a\n```"])
def test_what_was_typed_by_hand_stays_typed(text: str) -> None:
    """Guards: a code block of one's own taken for an attachment."""
    assert parted(text) == (text, [])
    assert joined(text, []) == text


def test_too_long_a_text_is_attached() -> None:
    """Guards: the draft of an earlier version, a megabyte long, laid out in the field."""
    for text in ("x " * (LONG // 2 + 1), "one " + "x" * (WORD + 1)):
        assert parted(text) == ("", [Attachment(PASTED, text)])
    assert parted("x " * (LONG // 2)) == ("x " * (LONG // 2), [])
