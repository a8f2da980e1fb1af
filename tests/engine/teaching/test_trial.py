"""A trial makes room for an answer that a person waits for, and measures none of its own meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import cast

import pytest

from engine.config import PRESETS
from engine.events import Event, Finished, Prefill
from engine.session import Session
from engine.teaching.protocol import Held, Told
from engine.teaching.steering import Steering, Stopping
from engine.teaching.trial import Tried, pace

DONE = Finished("", 8, 2.0, 4.0, "length", 0.1, None)


class Interrupted:
    """Answers at once; ``between`` is called in the midst of each answer, with its number."""

    def __init__(self, between: Callable[[int], None]) -> None:
        self.between, self.begun = between, 0

    def reply(self, *_: object, **__: object) -> Generator[Event, None, None]:
        self.begun += 1
        self.between(self.begun)
        yield Prefill(0, 1, 1)
        yield DONE


def answered(between: Callable[[Steering, int], None], tell: Callable[[Told], None] = lambda _: None) -> Interrupted:
    """Have a question answered, ``between`` called with what steers it; returns the session that was asked."""
    steering = Steering(tell)
    session = Interrupted(lambda number: between(steering, number))
    assert pace(cast("Session", session), PRESETS["plain"], "Why?", steering) == 4.0
    return session


def test_an_answer_that_nobody_disturbs_is_given_once() -> None:
    assert answered(lambda *_: None).begun == 1


def test_an_answer_that_was_disturbed_is_given_again() -> None:
    """Guards against a drafter that is refused because somebody chatted while it was tried."""
    told: list[Told] = []
    steered: list[Steering] = []

    def hear(item: Told) -> None:
        told.append(item)
        if item == Held(waits=True):
            steered[0].take("resume")  # before it waits: the lock is held by this very thread

    def between(steering: Steering, number: int) -> None:
        steered[:] = [steering]
        if number == 1:
            steering.take("pause")

    session = answered(between, hear)
    assert session.begun == 2
    assert told == [Held(waits=True), Held(waits=False)]


def test_what_there_was_is_not_replaced_by_chance() -> None:
    """A head two steps beside the one before was 1.01 ± 0.06 times as fast, and was kept."""
    plain, old = (50.0, 50.0, 50.0), (56.0, 57.0, 58.0)
    assert Tried({"plain": plain, "new": (55.0, 56.0, 58.0)}).keeps
    assert not Tried({"plain": plain, "new": (49.0, 49.5, 50.0)}).keeps
    assert not Tried({"plain": plain, "old": old, "new": (59.0, 57.0, 56.5)}).keeps
    assert Tried({"plain": plain, "old": old, "new": (60.0, 61.0, 63.0)}).keeps


def test_a_trial_leaves_off() -> None:
    with pytest.raises(Stopping):
        answered(lambda steering, _: steering.take("stop"))
