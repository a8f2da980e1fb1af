"""The figures of the panel against counts made by hand."""

from __future__ import annotations

import pytest

from app.speculation import wording
from app.speculation.tally import Tally
from engine.events import Finished, Pass, PlainPace, Round, Started
from tests.app.scripted import LEVELS, speculated, token

TOKENS = (
    token("a"),  # drafted, stands everywhere
    token("b", 0, 0, rejected_by=1),
    token("c", 1, 2),  # written by the middle
    token("d", 0, 1, rejected_by=2),
    token("e", 0, 1, discarded=True),
    token("f", 2, 2),  # written by the target
)
PASSES = (
    Pass(0, "draft", 2, 0.00, 0.01),
    Pass(0, "draft", 2, 0.01, 0.01),
    Pass(1, "verify", 3, 0.02, 0.02),
    Pass(2, "verify", 4, 0.04, 0.05),
)


@pytest.fixture
def tally() -> Tally:
    counted = Tally()
    counted.add([Started("hispec", LEVELS, True, 9, 0, 1024, "CPU")])
    counted.add([Round(0, TOKENS, PASSES, "acf", 0.0, 0.1), PlainPace(0.05)])
    return counted


def test_counts_by_hand(tally: Tally) -> None:
    """Guards: a rate whose denominator leaves out what was dropped behind a veto, or counts a level's own tokens."""
    draft, middle, target = tally.levels
    assert (draft.written, draft.kept) == (4, 1)
    assert (middle.offered, middle.stood) == (4, 3)
    assert (target.offered, target.stood) == (4, 2)  # a, c, d, e came up; a and c stand
    assert tally.tokens == 3
    assert wording.counts(target, bottom=False, top=True) == "2 of 4 kept · 50%"


def test_costs_by_hand(tally: Tally) -> None:
    """Guards: milliseconds per round shown as milliseconds per pass, shares that do not add up."""
    draft, middle, target = tally.levels
    assert draft.per_pass == pytest.approx(10)
    assert wording.cost(draft, tally.seconds) == "10.0 ms · 20%"
    assert wording.cost(target, tally.seconds) == "50.0 ms · 50%"
    assert tally.between == pytest.approx(0.01)
    assert middle.seconds == pytest.approx(0.02)


def test_the_factor_is_measured_or_not_claimed(tally: Tally) -> None:
    """Guards: a speed-up claimed without a measurement, a loss shown as anything but a loss."""
    assert tally.factor == pytest.approx(30 * 0.05)
    assert wording.verdict(tally) == "1.5× plain decoding (20 tokens/s)"
    tally.pace = None
    assert wording.verdict(tally) == "plain decoding: not measured yet"
    tally.pace = 0.03
    assert wording.verdict(tally) == "0.9× plain: slower here"


def test_the_pace_now_looks_back_one_second() -> None:
    """Guards: "now" that is the average in disguise."""
    tally = Tally()
    tally.add([Started("hispec", LEVELS, True, 9, 0, 1024, "CPU")])
    for index in range(20):
        seconds = 0.1 if index < 10 else 0.2
        start = index * 0.1 if index < 10 else 1 + (index - 10) * 0.2
        tally.add([Round(index, (token("a"),), (), "a", start, seconds)])
    assert tally.now == pytest.approx(5, rel=0.05)
    assert tally.average == pytest.approx(20 / 3)


def test_the_end_says_what_plain_decoding_would_have_taken(tally: Tally) -> None:
    """Guards: a comparison that ignores the engine's own measurement."""
    tally.add([Finished("acf", 3, 0.1, 30.0, "end", 0.0, 9.4)])
    assert wording.counterfactual(tally) == "took 0.1\u00a0s, plain would have taken 9.4\u00a0s"


def test_a_tally_does_not_depend_on_how_events_arrive() -> None:
    """Guards: counts that differ between live and replayed answers."""
    events = list(speculated())
    whole, piecemeal = Tally(), Tally()
    whole.add(events)
    for event in events:
        piecemeal.add([event])
    assert wording.line(whole) == wording.line(piecemeal)
    assert whole.levels == piecemeal.levels
