"""Replies on disk: what is read again is what was written, wherever the process ended."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from engine.teaching.replies import Document, Replies

WRITTEN = [Document((5, 6, 7, 8, 9), 2), Document((1, 2, 3), 1), Document((200_000, 4, 4, 4), 3)]


def test_replies_are_read_again(tmp_path: Path) -> None:
    replies = Replies(tmp_path / "a" / "replies.bin")
    replies.add(WRITTEN[:2], held=False)
    replies.add(WRITTEN[2:], held=True)
    again = Replies(tmp_path / "a" / "replies.bin")
    assert (again.learnt, again.held) == (WRITTEN[:2], WRITTEN[2:]) == (replies.learnt, replies.held)
    assert (again.tokens, again.prompts) == (5, 3)


@pytest.mark.parametrize("cut", range(1, 48, 3))
def test_a_file_cut_anywhere_has_only_true_replies(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "replies.bin"
    Replies(file).add(WRITTEN, held=False)
    file.write_bytes(file.read_bytes()[:cut])
    left = Replies(file)
    for found, whole in zip(left.learnt, WRITTEN, strict=False):
        assert found.tokens == whole.tokens[: len(found.tokens)]
        assert found.reply == whole.reply
    left.add(WRITTEN[:1], held=True)
    assert Replies(file).held == WRITTEN[:1]


def test_batches_say_where_the_next_token_is_a_reply(tmp_path: Path) -> None:
    replies = Replies(tmp_path / "replies.bin")
    replies.add(WRITTEN[:2], held=True)
    ((tokens, said),) = replies.looks(64)
    assert tokens.tolist() == [[5, 6, 7, 8, 9], [1, 2, 3, 0, 0]]
    assert said.tolist() == [[False, True, True, True, False], [True, True, False, False, False]]


def test_lessons_stay_within_their_size_and_bring_everything(tmp_path: Path) -> None:
    replies, chance = Replies(tmp_path / "replies.bin"), random.Random(1)
    replies.add([Document(tuple(range(1, chance.randint(9, 40))), 4) for _ in range(50)], held=False)
    lessons = replies.lessons(100, random.Random(2))
    sizes = [next(lessons)[0].shape for _ in range(40)]
    assert all(rows * time <= 100 for rows, time in sizes if time < 200)
    assert any(time > 200 for _, time in sizes)  # joined ones
    assert sum(rows for rows, time in sizes if time < 200) >= 50


def test_the_commonest_tokens_are_filled_up_with_the_first(tmp_path: Path) -> None:
    replies = Replies(tmp_path / "replies.bin")
    replies.add([Document((0, 90, 90, 7, 90, 7, 50), 1)], held=False)
    assert torch.equal(replies.commonest(2, 100), torch.tensor([7, 90]))
    assert torch.equal(replies.commonest(5, 100), torch.tensor([0, 1, 7, 50, 90]))
