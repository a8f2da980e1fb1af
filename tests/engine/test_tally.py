"""The one count of an answer, against counts made by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.events import (
    Event,
    Finished,
    LevelInfo,
    Pass,
    PlainPace,
    Planned,
    Round,
    Started,
    Token,
    from_json,
    to_json,
)
from engine.tally import Drift, Tally

LEVELS = tuple(LevelInfo(name, "", "exit") for name in ("Draft", "Intermediate", "Target"))
BEGUN = Started("hispec", LEVELS, True, 9, 0, 1024, "CPU")


def token(level: int, reached: int, *judges: int, rejected_by: int | None = None, discarded: bool = False) -> Token:
    """Return a token that ``level`` wrote and ``judges`` looked at."""
    judged = tuple((each, 0.5) for each in (level, *judges))
    return Token(1, "a", level, reached, rejected_by, discarded, judged)


TOKENS = (
    token(0, 2, 1, 2),  # drafted, stands everywhere
    token(0, 0, 1, rejected_by=1),
    token(1, 2, 2),  # written by the middle
    token(0, 1, 1, 2, rejected_by=2),
    token(0, 1, 1, discarded=True),  # the target never looked at it
    token(2, 2),  # written by the target
)
PASSES = (
    Pass(0, "draft", 2, 0.00, 0.01),
    Pass(0, "draft", 2, 0.01, 0.01),
    Pass(1, "verify", 3, 0.02, 0.02),
    Pass(2, "verify", 4, 0.04, 0.05),
)


def counted(pace: PlainPace | None = None, rounds: int = 1, seconds: float = 0.1) -> Tally:
    """Return the counts of ``rounds`` like the one above: three tokens each."""
    made = Tally(pace)
    made.add([BEGUN, *(Round(index, TOKENS, PASSES, "acf", index * seconds, seconds) for index in range(rounds))])
    return made


def test_counts_by_hand() -> None:
    """Guards: a rate whose denominator leaves out what was dropped behind a veto, or counts a level's own tokens."""
    tally = counted()
    draft, middle, target = tally.levels
    assert (draft.written, draft.kept, draft.rate) == (4, 1, 1 / 4)
    assert (middle.offered, middle.judged, middle.stood, middle.rate) == (4, 4, 3, 3 / 4)
    assert (target.offered, target.judged, target.stood) == (4, 3, 2)  # a, c, d, e came up; it looked at a, c and d
    assert tally.tokens == 3


def test_costs_by_hand() -> None:
    """Guards: milliseconds per round shown as milliseconds per pass, shares that do not add up."""
    tally = counted()
    draft, middle, _ = tally.levels
    assert draft.per_pass == pytest.approx(10)
    assert middle.seconds == pytest.approx(0.02)
    assert tally.between == pytest.approx(0.01)


def test_no_factor_is_above_what_the_passes_allow() -> None:
    """3.9x was once said of 2.5 tokens a target pass."""
    most = counted(PlainPace(0.102, 0.01), rounds=20).factor
    assert most is not None
    assert most.value == pytest.approx(3), "three tokens a pass"
    assert counted(PlainPace(0.13, 0.01), rounds=20).factor is None, (
        "a measurement that insists on more is not believed"
    )


def test_there_is_no_factor_without_a_measurement() -> None:
    """Guards: a speed-up claimed from a short answer, or from a pace of which nobody knows how certain it is."""
    assert counted(PlainPace(0.05, 0.005), rounds=20).factor is not None
    assert counted(PlainPace(0.05, 0.005), rounds=5).factor is None, "too short"
    assert counted(PlainPace(0.05), rounds=20).factor is None
    assert counted(None, rounds=20).factor is None
    ended = counted(rounds=20)
    ended.add([Finished("acf", 60, 2.0, 30.0, "end", 0.0, 4.2)])  # as kept by earlier versions, from three steps
    assert ended.factor is None


def test_the_pace_now_looks_back_one_second() -> None:
    """Guards: "now" that is the average in disguise."""
    tally = Tally()
    tally.add([BEGUN])
    for index in range(20):
        seconds = 0.1 if index < 10 else 0.2
        start = index * 0.1 if index < 10 else 1 + (index - 10) * 0.2
        tally.add([Round(index, (token(0, 2, 1, 2),), (), "a", start, seconds)])
    assert tally.now == pytest.approx(5, rel=0.05)
    assert tally.average == pytest.approx(20 / 3)


def test_a_tally_does_not_depend_on_how_events_arrive() -> None:
    """Guards: counts that differ between live and replayed answers."""
    events: list[Event] = [BEGUN, *(Round(index, TOKENS, PASSES, "acf", index * 0.1, 0.1) for index in range(5))]
    events.append(Finished("acf", 15, 0.5, 30.0, "end", 0.0, 4.2, 0.3))
    whole, piecemeal = Tally(), Tally()
    whole.add(events)
    for event in events:
        piecemeal.add([event])
    assert whole.levels == piecemeal.levels
    assert (whole.tokens, whole.seconds, whole.now) == (piecemeal.tokens, piecemeal.seconds, piecemeal.now)


def test_what_is_not_the_targets_own_is_counted() -> None:
    """A lossy answer that does not say how far it went, or counts what was vetoed, claims more than it may."""
    own, other, gone = TOKENS[0], replace(TOKENS[2], instead="b", lag=1.5), replace(TOKENS[3], instead="x", lag=9.0)
    told = (replace(BEGUN, lossless=False), Round(0, (own, other, gone), PASSES, "ac", 0.0, 0.1))
    end = Finished("ac", 2, 0.1, 20.0, "end", 0.0, None, foreign=1, lag=1.5)
    for events in (told, (*told, end)):
        lossy = Tally()
        lossy.add(events)
        assert lossy.drift == Drift(2, 1, 1.5)
    assert (Drift(2, 1, 1.5).share, Drift(2, 1, 1.5).per_token) == (0.5, 0.75)
    old = Tally()
    old.add((*told, replace(end, foreign=None)))
    assert old.drift is None, "earlier versions did not tell"
    assert counted().drift is None, "an exact one"


def test_a_chain_the_engine_chose_is_counted_by_itself() -> None:
    """Guards: tokens offered to levels that were not at work, what came mixed up with what came before."""
    first = Planned(0, "Draft → Target", (0, 2), 1.5, 30.0, "Because.")
    second = Planned(2, "Target", (2,), 1.0, 20.0, "The draft is seldom right.")
    drafted = (token(0, 2, 2), token(2, 2))
    tally = Tally()
    tally.add([BEGUN, first, Round(0, drafted, PASSES, "aa", 0.0, 0.1, first), second])
    tally.add([Round(1, (token(2, 2),), PASSES[-1:], "a", 0.1, 0.2, second)])
    assert [(each.plan, each.tokens) for each in tally.plans] == [(first, 2), (second, 1)]
    assert [each.pace for each in tally.plans] == pytest.approx([20, 5])
    assert (tally.levels[1].offered, tally.levels[2].offered, tally.levels[2].stood) == (0, 1, 1)


def test_a_plan_outlives_the_reply() -> None:
    """Guards: a log whose rounds cannot be read again because one says what was planned."""
    plan = Planned(3, "Lookup → Target", (0, 2), None, None, "Nothing is known yet.")
    for event in (plan, Round(0, TOKENS, PASSES, "acf", 0.0, 0.1, plan)):
        assert from_json(json.loads(json.dumps(to_json(event)))) == event
