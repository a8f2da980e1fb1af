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
        known.lasted(HEAD, tokens, 3)
    assert known.lengths(HEAD, 3) == pytest.approx({1: 0.6, 2: 0.2, 3: 0.2}, abs=0.05)
    assert known.lengths(HEAD, 1) == {1: 1.0}
    assert known.shares(HEAD, TOP)[1] > known.shares(HEAD, TOP)[0], "it goes on where it is sure"


def test_chains_are_looked_for_as_seldom_as_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search before every answer, which takes as long as some of its words."""
    made, searched = WORLDS["starter-h200"](), create_autospec(search, side_effect=search)
    monkeypatch.setattr("engine.decoding.planning.planner.search", searched)
    planner = made.planner()
    before = searched.call_count
    for _ in range(12):
        made.reply(planner, 60)
    assert before < searched.call_count <= before + 12, "two searches a list"
