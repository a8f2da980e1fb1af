"""Published kinds of drafters with random weights: of the right shape, agreed with as was planted."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
import torch

from engine.bench.drafters import DRAFTERS, shares
from engine.bench.planted import agreeing_levels
from engine.bench.simulated import SETTINGS
from engine.config import ModelSet
from engine.decoding.facts import Drafted, Fact, Judged
from engine.decoding.graphs import GraphRunner
from engine.decoding.tape import Tape
from engine.model import load
from tests.engine.family import finish


def test_agreement_is_the_published_one() -> None:
    """Rates that come to other lengths than published make the speed that of another drafter."""
    expected = {(kind, each.what): each.tokens for kind, drafter in DRAFTERS.items() for each in drafter.agreements}
    assert expected == pytest.approx(
        {("eagle3", "chat"): 2.725, ("dspark", "chat"): 3.6, ("dspark", "code"): 5.4}, abs=2e-3
    )
    assert [len(each.rates) for each in DRAFTERS["dspark"].agreements] == [7, 7]


@pytest.mark.parametrize("kind", DRAFTERS)
@torch.inference_mode()
def test_a_drafter_agrees_as_planted(family: ModelSet, kind: str) -> None:
    """Loaded by the same door as any, recorded, and kept by place in the window as often as was planted."""
    drafter, target = DRAFTERS[kind], finish(load(family.target, torch.device("cpu")))
    agreement = drafter.agreements[0]
    runner = GraphRunner(target.device, target.vocabulary, 256, agreeing_levels(agreement.rates))
    runner.add("target", target, None)
    runner.add_own(drafter.role, drafter.load(target, 256))
    facts, counts = list[Fact](), list[int]()
    for key in range(2):
        tape = Tape([7] * 20, limit=120)
        chain = runner.open(drafter.preset, tape, replace(SETTINGS, seed=key))
        chain.prefill(tape, len(tape) - 1)
        while not tape.full:
            length = len(tape)
            facts.extend(chain.draft(tape))
            counts.append(len(tape) - length)
        runner.rewind(0)
    assert fmean(counts) == pytest.approx(agreement.tokens, rel=0.2)
    judged = [fact for fact in facts if isinstance(fact, Judged) and fact.proposed == len(agreement.rates)]
    assert fmean(fact.kept > 0 for fact in judged) == pytest.approx(agreement.rates[0], abs=0.2)
    assert {part.what for part in shares(facts, 1.0)} >= {"the target's pass"}
    assert any(isinstance(fact, Drafted) for fact in facts)
