"""Texts are read once where there is room, and what is remembered is what would be read."""

from __future__ import annotations

import random
from pathlib import Path

import torch

from engine.teaching.pupil import Text
from engine.teaching.remembered import Lesson, Remembered
from engine.teaching.replies import Document, Replies


def read(lesson: Lesson) -> Text:
    tokens, said = lesson
    return Text(tokens, said, {2: tokens[..., None].float()}, tokens[..., None].float() + 1)


def test_lessons_come_again_and_are_read_once(tmp_path: Path) -> None:
    """Guards against a course that reads everything anew, and against one text given for another."""
    replies, chance, count = Replies(tmp_path / "replies.bin"), random.Random(1), 0
    replies.add([Document(tuple(range(1, chance.randint(9, 40))), 4) for _ in range(30)], held=False)
    remembered, lessons = Remembered(1 << 20), replies.lessons(100, random.Random(2))

    def counted(lesson: Lesson) -> Text:
        nonlocal count
        count += 1
        return read(lesson)

    for lesson in (next(lessons) for _ in range(200)):
        text = remembered.text(lesson, lambda lesson=lesson: counted(lesson))  # type: ignore[misc]
        assert text.tokens is lesson[0]
    assert count < 40
    replies.add([Document((5, 6, 7), 2)], held=True)
    (first,), (again,) = replies.looks(100), replies.looks(100)
    assert first is again
    replies.add([Document((5, 6, 8), 2)], held=True)
    assert sum(len(tokens) for tokens, _ in replies.looks(100)) == 2


def test_no_more_is_kept_than_there_is_room_for() -> None:
    small, large = ((torch.zeros(1, size, dtype=torch.int64), torch.ones(1, size).bool()) for size in (4, 40))
    remembered = Remembered(200)
    for lesson in (large, small, (small[0].clone(), small[1])):
        remembered.text(lesson, lambda lesson=lesson: read(lesson))  # type: ignore[misc]
    assert small in remembered
    assert large not in remembered
    fresh = (small[0].clone(), small[1])
    assert fresh not in remembered
