"""The charts' figures, and the reason given when speculation does not pay."""

from __future__ import annotations

import pytest

from app.log.acceptance_history import PLACES, SPAN, AcceptanceHistory, thinned
from app.log.ledger import Ledger
from app.log.slowdown import findings, reason
from engine.events import LevelInfo, Pass, PlainPace, Round, Started, Token
from engine.tally import Tally
from tests.app.log.logs import STARTED, ledger
from tests.app.scripted import LEVELS, token


def test_acceptance_round_by_round() -> None:
    """Guards: ghosts that count as accepted, tokens a level never saw in its denominator."""
    course = AcceptanceHistory(ledger())
    course.catch_up()
    assert course.rates == [[pytest.approx(3 / 4)], [pytest.approx(2 / 5)]]
    assert course.each == [(1, 1), (1, 1), (1, 0), (1, 0), (1, 0)]


def test_a_course_grows_with_its_log() -> None:
    """Guards: rounds counted twice or skipped between two frames."""
    log = Ledger()
    growing = AcceptanceHistory(log)
    rounds = ledger(12).rounds
    log.add([STARTED])
    for round_ in rounds:
        log.add([round_])
        growing.catch_up()
    whole = AcceptanceHistory(log)
    whole.catch_up()
    assert growing.rates == whole.rates
    assert growing.each == whole.each == [(12, 12), (12, 12), (12, 0), (12, 0), (12, 0)]


def test_late_rounds_decide() -> None:
    """Guards: a line that cannot fall any more after a good beginning."""
    log = Ledger()
    good = [Round(i, (token("a"),), (), "a", i, 1) for i in range(20)]
    bad = [Round(20 + i, (token("b", 0, 1, rejected_by=2), token("c", 2, 2)), (), "c", 20 + i, 1) for i in range(SPAN)]
    log.add([STARTED, *good, *bad])
    course = AcceptanceHistory(log)
    course.catch_up()
    assert course.rates[1][19] == 1
    assert course.rates[1][-1] == 0


@pytest.mark.parametrize(
    ("guesses", "places"),
    [(3, "1 2 3"), (8, "1 2 3 4 5 6 7 8"), (13, "1 2 3-4 5-8 9-13"), (128, "1 2 3-4 5-8 9-16 17-32 33-64 65-128")],
)
def test_many_places_are_shown_together(guesses: int, places: str) -> None:
    """Guards: a chart that grows without bound under a wide window, or one that says nothing of most of it."""
    log = Ledger()
    log.add([STARTED, Round(0, tuple(token("a") for _ in range(guesses)), (), "", 0, 1)])
    course = AcceptanceHistory(log)
    course.catch_up()
    shown = [f"{place[0]}-{place[-1]}" if len(place) > 1 else f"{place[0]}" for place, _, _ in course.places]
    assert " ".join(shown) == places
    assert len(shown) <= PLACES
    assert all(offered == stood == len(place) for place, offered, stood in course.places)


def test_thinning_keeps_the_newest() -> None:
    """Guards: a line that lags behind the figures once it is long."""
    assert thinned([float(i) for i in range(10)], 4) == [0.0, 3.0, 6.0, 9.0]
    assert thinned([1.0], 4) == [1.0]
    assert thinned([], 4) == []


def tally(tokens: tuple[Token, ...], passes: tuple[tuple[int, float], ...], seconds: float, pace: float) -> Tally:
    """Return fifty such rounds: ``passes`` are (level, seconds)."""
    made = Tally()
    timed = tuple(Pass(level, "verify" if level else "draft", 1, 0, taken) for level, taken in passes)
    made.add([Started("hispec", LEVELS, True, 9, 0, 1024, "CPU"), PlainPace(pace, pace / 50)])
    made.add([Round(index, tokens, timed, "", index * seconds, seconds) for index in range(50)])
    return made


STANDING = (token("a"), token("b"), token("c", 2, 2))
VETOED = (
    token("a", 0, 1, rejected_by=2),
    *(token("x", 0, 1, discarded=True) for _ in range(5)),
    token("c", 2, 2),
)


@pytest.mark.parametrize(
    ("case", "cause", "words"),
    [
        (tally(VETOED, ((0, 0.004), (1, 0.003), (2, 0.020)), 0.028, 0.02), "rejections", "Target keeps only 0% of"),
        (tally(STANDING, ((0, 0.050), (1, 0.010), (2, 0.021)), 0.082, 0.02), "drafting", "below Target takes 73%"),
        (
            tally(STANDING, ((0, 0.002), (1, 0.003), (2, 0.070)), 0.076, 0.02),
            "verifying",
            "took about 3.5× as long as one over a single",
        ),
        (
            tally(STANDING, ((0, 0.002), (1, 0.003), (2, 0.020)), 0.080, 0.02),
            "overhead",
            "69% of the time goes between",
        ),
    ],
    ids=["rejections", "drafting", "verifying", "overhead"],
)
def test_a_loss_is_explained_by_its_dearest_cause(case: Tally, cause: str, words: str) -> None:
    """Guards: a loss put down to the wrong cause, which sends people to turn the wrong knob."""
    assert case.factor is not None
    assert case.factor.slower
    assert findings(case)[0].cause == cause
    assert words in reason(case, technical=True)


LOOKUP = (LevelInfo("Lookup", "", "lookup"), LevelInfo("Target", "", "model"))


@pytest.mark.parametrize(("hits", "words"), [(0, "nothing in the chat to copy"), (8, "for only 8 of 50 passes")])
def test_a_lookup_without_matches_is_said_to_be_one(hits: int, words: str) -> None:
    """Guards: noise between two ways to decode one token at a time put down to slow models or bookkeeping."""
    made = Tally(PlainPace(0.02, 0.001))
    made.add([Started("lookup", LOOKUP, True, 9, 0, 1024, "CPU")])
    for index in range(50):
        passes = (Pass(0, "draft", 0, 0, 1e-4),) * (index < hits) + (Pass(1, "verify", 1, 0, 0.023),)
        made.add([Round(index, (token("a", 1, 1),), passes, "a", 0.023 * index, 0.023)])
    assert words in reason(made, technical=True)


def test_two_causes_alike_are_both_named() -> None:
    """Guards: half the truth, where better drafts alone would not make up for what drafting costs."""
    said = reason(tally(VETOED, ((0, 0.036), (1, 0.016), (2, 0.021)), 0.074, 0.02), technical=True)
    assert said == (
        "Target keeps only 0% of the guesses, and guessing and checking below Target takes 70% of the time, "
        "too much for what it saves."
    )


def test_a_middle_level_can_be_the_one_that_vetoes() -> None:
    """Guards: the target blamed for what the filter below it turned down."""
    tokens = (token("a", 0, 0, rejected_by=1), *(token("x", 0, 0, discarded=True) for _ in range(4)), token("c", 1, 2))
    assert "Intermediate keeps only 0%" in reason(
        tally(tokens, ((0, 0.004), (1, 0.003), (2, 0.02)), 0.028, 0.02), technical=True
    )


def test_nothing_is_explained_where_nothing_is_lost() -> None:
    """Guards: excuses beside a gain, verdicts after one round, a comparison that was never measured."""
    won = tally(STANDING, ((0, 0.002), (1, 0.003), (2, 0.020)), 0.026, 0.02)
    assert won.factor is not None
    assert won.factor.value > 1
    assert reason(won, technical=True) == ""
    early = Tally(PlainPace(0.001, 0.0001))
    early.add([STARTED, *ledger(2).rounds])
    assert reason(early, technical=True) == ""
    assert findings(Tally()) == []
