"""A process that teaches may be killed at any moment: at most half a minute of what it did is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from engine.teaching.course import PROGRESS, Course
from engine.teaching.frozen import Frozen
from engine.teaching.plan import Plan
from engine.teaching.pupil import RIGHT, Pupil, Text
from engine.teaching.replies import Document, Replies
from engine.teaching.steering import Stopping

STEP, LOOK = 8.0, 20.0  # seconds on a slow processor
MOST = 30.0  # that may be lost
PLAN = Plan(600.0, rows=1, longest=3, batch=64, places=8)
PROMPTS = [[number, 5] for number in range(10, 42)]
END = 1


class Killed(BaseException):
    """The process is gone."""


class Slow:
    """Learns nothing, slowly; ``watch`` is called whenever it might be killed."""

    taps: tuple[int, ...] = ()
    guesses = size = 1

    def __init__(self, dial: list[float], watch: Callable[[], None]) -> None:
        self.dial, self.watch, self.steps, self.tokens = dial, watch, 0, 0

    def learn(self, *_: object) -> Tensor:
        self.dial[0] += STEP
        self.steps += 1
        self.watch()
        return torch.zeros(())

    def measured(self, texts: Iterable[Text], _most: int) -> dict[str, Any]:
        for _ in texts:
            self.watch()
        self.dial[0] += LOOK
        self.watch()
        return {RIGHT: [0.5]}

    def worth(self, *_: object) -> float:
        return 1.0

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps, "few": torch.zeros(1)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.steps = state["steps"]

    def weights(self) -> dict[str, Tensor]:
        return {}


class Target:
    """Writes three replies in 150 seconds, and gives the course what it wrote after each."""

    shape, ends, recorded, device = None, SimpleNamespace(head=torch.zeros(64, 1)), True, torch.device("cpu")

    def __init__(self, dial: list[float]) -> None:
        self.dial, self.dies = dial, False

    def read(self, tokens: Tensor, said: Tensor, _: object) -> Text:
        return Text(tokens, said, {}, tokens)

    def ends_with(self, tokens: tuple[int, ...]) -> bool:
        return tokens[-1] == END

    def write(self, asked: list[Any], *more: Any) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in asked]
        for place in range(min(3, len(asked))):
            self.dial[0] += 50
            found[place] = [7, END] if place < 2 else [7]  # the clock cuts the last one
            more[-1](lambda: found)
        if self.dies:
            raise Killed
        return found


def course(folder: Path, dial: list[float], watch: Callable[[], None] = lambda: None, plan: Plan = PLAN) -> Course:
    """Open a course whose replies are written."""
    begin = lambda *_, **__: cast("Pupil", Slow(dial, watch))  # noqa: E731
    return Course(folder, cast("Frozen", Target(dial)), PROMPTS, plan, begin, clock=lambda: dial[0])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    replies = Replies(tmp_path / "replies.bin")
    for held in (False, True):
        replies.add([Document((*prompt, 7, END), 2) for prompt in PROMPTS], held=held)
    (tmp_path / PROGRESS).write_text(json.dumps({"spent": 0.3 * PLAN.seconds}))
    return tmp_path


def test_steps_and_looks_that_take_long_are_put_aside_in_time(written: Path) -> None:
    """On two busy cores a course of the starter went on from 34 % twice, and was at 34 % still after 40 s each."""
    dial, lost = [0.0], list[float]()
    begun, before = 0.0, 0.3 * PLAN.seconds

    def watch() -> None:
        stored = json.loads((written / PROGRESS).read_text())["spent"]
        lost.append(dial[0] - begun - (stored - before))

    list(course(written, dial, watch).run())
    assert len(lost) > PLAN.seconds / LOOK
    assert 0 < max(lost) <= MOST


def test_replies_that_have_ended_are_put_aside_while_others_are_written(tmp_path: Path) -> None:
    """A slice of a recorded target takes up to 90 s, and was lost with its process."""
    dial = [0.0]
    first = course(tmp_path, dial)
    first.progress.batches = 1  # the next replies are to learn from
    cast("Target", first.target).dies = True
    with pytest.raises(Killed):
        first._answered()
    again = course(tmp_path, dial)
    assert [each.tokens[2:] for each in again.replies.learnt] == [(7, END)] * 2
    again.progress.batches = 1
    again._answered()
    kept = Replies(tmp_path / "replies.bin").learnt
    assert [each.tokens[2:] for each in kept] == [(7, END)] * 4 + [(7,)], "none twice"
    assert again.replies.written == 9
    (news, *_) = course(tmp_path / "anew", dial)._write()
    assert news.tokens > 0, "what is held out is written as well: first of all, and nothing was said of it"
    assert news.pace > 0


def test_a_course_that_is_to_last_longer_is_looked_at_again(written: Path) -> None:
    """What went on from its end was looked at once more only at the next end, so nothing was chosen in between."""
    dial = [0.0]
    list(course(written, dial).run())
    looks = [news for news in course(written, dial, plan=replace(PLAN, seconds=1800.0)).run() if news.pace == 0]
    assert len(looks) > 3


def test_a_trial_that_was_broken_off_is_taken_up_at_once(written: Path) -> None:
    dial = [0.0]
    list(course(written, dial).run())
    before, again = dial[0], course(written, dial)
    assert list(again.run()) == []
    assert dial[0] == before
    assert again.learner is not None
    assert again.learner.steps > 0


def test_an_answer_waits_for_half_a_step_at_most(written: Path) -> None:
    """On a processor a step takes seconds, half of them to read what is learnt from."""
    dial, read = [0.0], list[Tensor]()
    taught = course(written, dial)
    target = cast("Target", taught.target)

    def reads(tokens: Tensor, said: Tensor, _: object) -> Text:
        read.append(tokens)  # meanwhile a question is asked
        return Text(tokens, said, {}, tokens)

    target.read = reads  # type: ignore[method-assign]
    taught._held_up = lambda: bool(read)
    with pytest.raises(Stopping):
        list(taught.run())
    assert len(read) == 1
    assert taught.learner is not None
    assert taught.learner.steps == 0
