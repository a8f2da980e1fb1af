"""Rules that are only compared with must keep what their papers say, or the comparison flatters."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

from engine.bench.rules import block, compare_rules, shared, token
from engine.config import ModelSet, Sampling
from engine.decoding.laws import Sampler
from engine.session import Session
from tests.engine.family import finish


def test_the_textbook_example() -> None:
    """Judged together 11/9 of two drafted tokens stand, one by one only 10/9 (arXiv 2403.10444)."""
    own, guess = torch.tensor([[1 / 3, 2 / 3]] * 2), torch.tensor([[2 / 3, 1 / 3]] * 2)
    expected = {"block": 0.0, "token": 0.0, "shared": 0.0}
    for window in itertools.product(range(2), repeat=2):
        likely = float(guess[0, window[0]] * guess[1, window[1]])
        expected["block"] += likely * block(window, guess, own)
        expected["token"] += likely * token(window, guess, own)
        expected["shared"] += likely * shared(window, guess, own)
    ten = pytest.approx(10 / 9)
    assert expected == {"block": pytest.approx(11 / 9), "token": ten, "shared": ten}
    assert block((0, 1), own, own) == token((0, 1), own, own) == 2 == pytest.approx(shared((0, 1), own, own))


def test_shared_noise_agrees_as_often_as_is_expected() -> None:
    """The figure is a formula; what runs must come to it. A token the judge never writes does not stand."""
    dice = torch.Generator().manual_seed(2)
    own, guess = torch.rand(2, 1, 7, generator=dice).square().expand(-1, 4000, -1)
    own, guess = (law / law.sum(dim=1, keepdim=True) for law in (own, guess))
    sampler = Sampler(Sampling(seed=1))
    drawn, kept = sampler.choose(guess, 0), sampler.choose(own, 0)
    expected = sum(shared((token,), guess[:1], own[:1]) for token in drawn) / 4000
    assert sum(a == b for a, b in zip(drawn, kept, strict=True)) / 4000 == pytest.approx(expected, abs=0.025)
    assert shared((0, 1), torch.tensor([[0.5, 0.5]] * 2), torch.tensor([[0.0, 1.0]] * 2)) == 0


def test_every_drafter_is_compared(family: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of all drafters, on the same places; a rule's mean lies between nothing and all of a window."""
    monkeypatch.setattr("engine.bench.rules.PROMPTS", ("Hi", "Tell me of foxes."))
    session = finish(Session.open(family, "cpu", weights="exact"))
    rules = compare_rules(session, Sampling(temperature=1), 4, lambda _: None)
    assert len(rules.kept) == 4
    assert all(0 <= each <= 6 for kept in rules.kept.values() for each in (kept.shared, kept.block, kept.token))
    assert len(rules.table().splitlines()) == 7
    assert json.loads(json.dumps(rules.to_json()))["windows"] == rules.windows == 4
