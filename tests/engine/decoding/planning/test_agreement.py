"""How far a level guesses that stops once it is unsure, and that a list of chains is not made for every reply."""

from __future__ import annotations

from unittest.mock import create_autospec

import pytest

from engine.bench.reality import TOP
from engine.bench.worlds import HEAD, WORLDS
from engine.decoding.planning.agreement import Agreements
from engine.decoding.planning.search import search


def test_what_stops_early_is_not_paid_for_as_if_it_went_on() -> None:
    """A window of three given up because two of its tokens are seldom guessed, and dear whenever they are not."""
    known = Agreements(stopping={HEAD})
    assert sum(known.lengths(HEAD, 3).values()) == pytest.approx(1)
    assert Agreements().lengths(HEAD, 3) == {3: 1.0}
    for tokens in (1, 1, 1, 2, 3) * 60:
        known.lasted(HEAD, tokens, 3, 0)
    assert known.lengths(HEAD, 3) == pytest.approx({1: 0.6, 2: 0.2, 3: 0.2}, abs=0.05)
    assert known.lengths(HEAD, 1) == {1: 1.0}
    assert known.shares(HEAD, TOP)[1] > known.shares(HEAD, TOP)[0], "it goes on where it is sure"


def test_behind_a_token_it_was_sure_of_a_guess_is_better_than_on_average() -> None:
    """Guards: a window of one kept for ever, since a second guess is thought to need a first no better than usual.

    Three of four tokens stand behind which it went on, one of three where it stopped at once.
    """
    known = Agreements(stopping={HEAD})
    for number in range(600):
        tokens = 2 if number % 5 < 2 else 1
        kept = tokens if number % 10 not in (2, 3, 4, 7, 1) else 0
        known.lasted(HEAD, tokens, 2, kept)
        known.learn(HEAD, TOP, kept, fell=kept < tokens)
    shares = known.shares(HEAD, TOP)
    first, second = known.apart(HEAD, shares, 2, 2)
    (alone,) = known.apart(HEAD, shares, 1, 2)
    went = known.lengths(HEAD, 2)[2]
    assert first > shares[0] > alone
    assert went * first + (1 - went) * alone == pytest.approx(shares[0], abs=0.02), "together they are what was counted"
    assert second == shares[1]


def test_a_reply_is_thought_to_be_like_those_before_until_it_shows_otherwise() -> None:
    """Guards: a drafter that is given up since some of its guesses fell, or is kept while hardly any stands.

    Behind 600 tokens of which .6 stood ten that fell are bad luck, a hundred are a text it cannot guess; the next reply
    is another text. Of a drafter that nothing is known of ten tell more.
    """
    known, new = Agreements(), Agreements()
    for number in range(600):
        known.learn(HEAD, TOP, number % 5 < 3, fell=number % 5 >= 3)
    known.begin()
    for tokens, least, most in ((10, 0.4, 0.52), (90, 0.1, 0.25)):
        for _ in range(tokens):
            known.learn(HEAD, TOP, 0, fell=True)
        assert least < known.shares(HEAD, TOP)[0] < most
    known.begin()
    assert 0.4 < known.shares(HEAD, TOP)[0] < 0.57
    for _ in range(10):
        new.learn(HEAD, TOP, 0, fell=True)
    assert new.shares(HEAD, TOP)[0] < 0.25


def test_chains_are_looked_for_as_seldom_as_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search before every answer, which takes as long as some of its words."""
    made, searched = WORLDS["starter-h200"](), create_autospec(search, side_effect=search)
    monkeypatch.setattr("engine.decoding.planning.planner.search", searched)
    planner = made.planner()
    before = searched.call_count
    for _ in range(12):
        made.reply(planner, 60)
    assert before < searched.call_count <= before + 12, "two searches a list"
