"""Conversations of several turns: the next turn is asked when the reply before it has ended, whatever was killed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import cast

import pytest

from engine.config import ModelSet
from engine.teaching.command import LONGEST_PROMPT
from engine.teaching.course import Course
from engine.teaching.frozen import Frozen
from engine.teaching.plan import Plan
from engine.teaching.replies import Document, Replies
from engine.teaching.talks import Talks
from engine.tokenizer import ChatTokenizer

FIRST, SECOND, ANSWER = "The quick fox?", "The lazy dog?", "jumps over"
PLAN = Plan(600.0, rows=4, longest=40)


@pytest.fixture(scope="module")
def tokenizer(family: ModelSet) -> ChatTokenizer:
    return ChatTokenizer(family.target)


class Target:
    """Writes ANSWER to whatever it is asked, the first time only half of it."""

    recorded, asked = False, 0

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self.end, self.words = min(tokenizer.ends), tokenizer._backend.encode(ANSWER).ids

    def ends_with(self, tokens: tuple[int, ...]) -> bool:
        return tokens[-1] == self.end

    def write(self, prompts: list[tuple[int, ...]], *_: object) -> list[list[int]]:
        self.asked += 1
        half = len(self.words) // 2
        if self.asked == 1:
            return [self.words[:half] for _ in prompts]
        whole = [*self.words, self.end]
        return [whole[half:] if list(prompt[-half:]) == self.words[:half] else whole for prompt in prompts]


def course(folder: Path, tokenizer: ChatTokenizer, target: Target) -> Course:
    """Open a course of one conversation, and of prompts that nothing follows."""
    talks = [(FIRST, SECOND), *((f"Fox {number}",) for number in range(6))]
    asked, begin = Talks(tokenizer, talks, LONGEST_PROMPT), lambda _: pytest.fail("nothing learns")
    found = Course(folder, cast("Frozen", target), asked.firsts, PLAN, begin, further=asked.further)
    found.progress.batches = 1  # what is held out has been answered
    return found


@pytest.mark.parametrize("killed", [False, True])
def test_both_turns_are_learnt_from_also_by_a_process_that_begins_anew(
    tmp_path: Path, tokenizer: ChatTokenizer, killed: bool
) -> None:
    """The first reply is cut by the clock and gone on with; then the second turn is asked once, behind all of it."""
    target = Target(tokenizer)
    taught = course(tmp_path, tokenizer, target)
    for _ in range(2):
        taught._answered()
    if killed:
        taught = course(tmp_path, tokenizer, target)
    second = tokenizer.render([("user", FIRST), ("assistant", ANSWER), ("user", SECOND)])
    assert [list(each.tokens) for each in taught._unfinished] == [second]
    taught._answered()
    assert not taught._unfinished, "nothing follows the last turn"
    learnt = Replies(tmp_path / "replies.bin").learnt
    asked = Counter(each.tokens[: each.reply] for each in learnt)
    assert asked[tuple(second)] == 1
    assert next(each.tokens[each.reply :] for each in learnt if each.tokens[: each.reply] == tuple(second)) == (
        *target.words,
        target.end,
    )
    assert course(tmp_path, tokenizer, target)._unfinished == [], "what was asked is not asked again"


def test_only_what_ended_and_fits_is_gone_on_with(tokenizer: ChatTokenizer) -> None:
    prompt, end = tokenizer.render([("user", FIRST)]), min(tokenizer.ends)
    words = tokenizer._backend.encode(ANSWER).ids
    talks = [(FIRST, SECOND, "And?")]
    assert Talks(tokenizer, talks, len(prompt) - 1).firsts == []
    cut, whole = (Document((*prompt, *reply), len(prompt)) for reply in (words, [*words, end]))
    assert Talks(tokenizer, talks, LONGEST_PROMPT).further([cut, Document(tuple(prompt), len(prompt))]) == []
    assert Talks(tokenizer, talks, len(prompt) + 4).further([whole]) == []
    found = Talks(tokenizer, talks, LONGEST_PROMPT)
    (second,) = found.further([whole])
    (third,) = found.further([Document((*second.tokens, *words, end), second.reply)])
    said = [("user", FIRST), ("assistant", ANSWER), ("user", SECOND), ("assistant", ANSWER), ("user", "And?")]
    assert list(third.tokens) == tokenizer.render(said)
