"""Rules that are only compared with must keep what their papers say, or the comparison flatters."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

from engine.bench.rules import block, compare_rules, token
from engine.config import ModelSet, Sampling
from engine.session import Session
from tests.engine.family import finish


def test_the_textbook_example() -> None:
    """Judged together 11/9 of two drafted tokens stand, one by one only 10/9 (arXiv 2403.10444)."""
    own, guess = torch.tensor([[1 / 3, 2 / 3]] * 2), torch.tensor([[2 / 3, 1 / 3]] * 2)
    expected = {"block": 0.0, "token": 0.0}
    for window in itertools.product(range(2), repeat=2):
        likely = float(guess[0, window[0]] * guess[1, window[1]])
        expected["block"] += likely * block(window, guess, own)
        expected["token"] += likely * token(window, guess, own)
    assert expected == {"block": pytest.approx(11 / 9), "token": pytest.approx(10 / 9)}
    assert block((0, 1), own, own) == token((0, 1), own, own) == 2


def test_every_drafter_is_compared(family: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of all drafters, on the same places; a rule's mean lies between nothing and all of a window."""
    monkeypatch.setattr("engine.bench.rules.PROMPTS", ("Hi", "Tell me of foxes."))
    session = finish(Session.open(family, "cpu", weights="exact"))
    rules = compare_rules(session, Sampling(temperature=1), 4, lambda _: None)
    assert len(rules.kept) == 4
    assert all(0 <= each <= 6 for kept in rules.kept.values() for each in (kept.shared, kept.block, kept.token))
    assert len(rules.table().splitlines()) == 7
    assert json.loads(json.dumps(rules.to_json()))["windows"] == rules.windows == 4
