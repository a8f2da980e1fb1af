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
from engine.teaching.trial import pace

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


def test_a_trial_leaves_off() -> None:
    with pytest.raises(Stopping):
        answered(lambda steering, _: steering.take("stop"))
