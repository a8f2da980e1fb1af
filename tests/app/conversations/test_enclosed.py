"""A conversation as Markdown keeps its own headings, whatever was said in it."""

from __future__ import annotations

import random

import pytest
from markdown_it import MarkdownIt

from app.conversations.conversation import ChatSettings, Conversation, Message, Reply
from app.conversations.enclosed import enclosed
from app.conversations.export_file import markdown

PIECES = [
    *("```", "````py", "~~~", "  ```x", "> ```", "- ```", "    ```", "`", "``"),
    *("# One", "## You", "###### Six", "#", "# C #", "Two\n===", "a #\n---", "> # quoted", "- # item", "---"),
    *("<!--", "-->", "<?php", "<!DOCTYPE", "<![CDATA[", "<pre>", "<script>", "</script>", "<style", "<textarea>"),
    *("<div>", "<b", "$$", "$$ x", "x $$", "\\[", "[a]: b", "[a]: <", "| a |", "[x](", "\\", "&lt;", "***"),
    *("said", "1. one", "- two", "  more", "\ttab", "é 你好", "\r", "\x00", "\u2028", "", "", ""),
]


def headings(text: str) -> list[str]:
    """Return the headings of the two levels the export uses for itself."""
    tokens = MarkdownIt("commonmark").parse(text)
    return [
        tokens[at + 1].content
        for at, t in enumerate(tokens)
        if t.level == 0 and t.tag in {"h1", "h2"} and t.nesting == 1
    ]


def test_whatever_is_said_the_export_keeps_its_headings() -> None:
    """Guards: an open fence, comment or tag that takes in what follows; headings said that pass for the export's."""
    chance = random.Random(7)
    for _ in range(200):
        said = ["\n".join(chance.choices(PIECES, k=chance.randint(1, 9))) for _ in range(4)]
        talk = Conversation(title="Title", chat_settings=ChatSettings(said[0] or "x"))
        talk = talk.plus(Message("user", said[1])).plus(Message("assistant", said[2], Reply()))
        talk = talk.plus(Message("user", said[3]))
        shown = ["Title", *(["System"] if talk.chat_settings.system else []), "You", "Updraft", "You"]
        assert headings(markdown(talk)) == shown, said


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("````py\nx = 1", "````py\nx = 1\n````"),
        ("Well <!-- no\n\n<!-- open", "Well <!-- no\n\n<!-- open\n-->"),
        ("# One\n\nTwo\n===\n\n##### Five", "### One\n\n### Two\n\n###### Five"),
        ("```\n# no heading\n```", "```\n# no heading\n```"),
        ("$$\nx = 1", "$$\nx = 1\n$$"),
        ("$$x$$ costs 5$$ or `$$`", "$$x$$ costs 5$$ or `$$`"),
        ("plain *words*", "plain *words*"),
    ],
)
def test_an_answer_is_closed_and_lowered(said: str, written: str) -> None:
    """Guards: an end of another kind than what is open, and answers changed that need no change."""
    assert enclosed(said) == written


def test_what_looks_like_a_heading_in_a_question_is_none() -> None:
    """Guards: a comment of pasted code set in the largest letters."""
    assert enclosed("# comment\nx\n---", typed=True) == "\\# comment\nx\n\\---"
