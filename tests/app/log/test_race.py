"""What came of a race, and both of its replies at one moment."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from app.log.ledger import Ledger
from app.log.race import Course, RaceReplay, Result, result_of
from app.log.replay import Replay
from engine.events import Event
from engine.tally import Tally
from tests.app.scripted import STORY, plain, speculated

EXACT, LOSSY = Course("Why?", "Some", "HSD", True, 300), Course("Why?", "Some", "Pyramid", False, 300)


def counted(told: Iterable[Event]) -> tuple[Ledger, Tally]:
    ledger, tally, events = Ledger(), Tally(), list(told)
    ledger.add(events)
    tally.add(events)
    return ledger, tally


def came(
    course: Course, seconds: tuple[float, float], alike: int | None = None, tokens: tuple[int, int] = (50, 50)
) -> str:
    return str(Result(course, seconds, tokens, alike))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (came(EXACT, (3.2, 2.0)), "HSD finished 1.6 times as soon, with the same words."),
        (came(EXACT, (2.0, 2.05)), "Both finished together, with the same words."),
        (
            came(EXACT, (2.0, 2.6)),
            "Plain finished 1.3 times as soon, with the same words. HSD costs more than it saves here.",
        ),
        (
            came(LOSSY, (2.0, 2.0), 12, (50, 100)),
            "Pyramid wrote 2.0 times as many tokens a second. The words part after 12 tokens: Pyramid is lossy.",
        ),
        (came(LOSSY, (2.0, 2.0), 0), "Both were as fast. The words differ from the first on: Pyramid is lossy."),
        (
            came(EXACT, (2.0, 2.0), 1),
            "Both were as fast. The words part after 1 token, which rounding can do where two words are as good as "
            "equally likely.",
        ),
    ],
)
def test_what_came_of_it_in_words(said: str, expected: str) -> None:
    """Guards: a winner by a hair, a lossy method that claims plain's words, a loss that is not called one."""
    assert said == expected


def test_what_is_compared() -> None:
    slow, fast = counted(plain()), counted(speculated())
    result = result_of(EXACT, slow, fast)
    assert result is not None
    assert result.alike is None
    assert slow[1].finished is not None
    assert result.seconds[0] == slow[1].finished.seconds
    other = counted(speculated(STORY.replace("lantern", "moon")))
    result = result_of(LOSSY, slow, other)
    assert result is not None
    assert result.alike == STORY.split().index("lantern")
    assert result_of(EXACT, slow, counted(list(speculated())[:-1])) is None  # it was stopped


def test_both_stand_at_one_moment() -> None:
    """Guards: a side that runs on beyond its end, or waits for the other; a step that leaves a round out."""
    slow, fast = counted(plain()), counted(speculated())
    race = RaceReplay(Replay(*slow), Replay(*fast))
    assert race.length == max(race.plain.length, race.fast.length)
    moments = [0.0]
    while not race.over:
        race.step(1)
        moments.append(race.seconds)
        for reply in (race.plain, race.fast):
            assert reply.seconds == min(race.seconds, reply.length)
    assert set(moments) == {0.0, *race.plain.ends, *race.fast.ends}
    assert (race.plain.ledger.text, race.fast.ledger.text) == (STORY, STORY)
    race.step(-1)
    assert race.seconds == moments[-2]
