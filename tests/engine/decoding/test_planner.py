"""The planner: its arithmetic against known values and a simulation, and what it does with what it has seen."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from engine.config import PRESETS, Model, Preset, Source
from engine.decoding.planner import PATIENCE, Planner, seconds_per_token
from engine.events import Pass, Round, Token

HSD = PRESETS["hsd"]


def constant(*seconds: float) -> list[object]:
    return [lambda _, each=each: each for each in seconds]


@pytest.mark.parametrize(
    ("costs", "agreement", "windows", "expected"),
    [
        ((1, 8), (0.8,), (4,), 3.5697),
        ((1, 4, 16), (0.75, 0.85), (2, 4), 7.0172),
        ((1, 4, 16), (0.75, 0.85), (3, 6), 7.0557),
        ((1, 4, 16), (0.75, 0.85), (4, 12), 8.5279),
        ((1, 3, 6, 30), (0.7, 0.8, 0.9), (2, 4, 10), 11.6524),
        ((16,), (), (), 16.0),
    ],
)
def test_pace_of_known_chains(
    costs: Sequence[float], agreement: Sequence[float], windows: Sequence[int], expected: float
) -> None:
    """Overshoot forgotten, or a bonus token left out, moves these by a few per cent."""
    assert seconds_per_token(constant(*costs), agreement, windows) == pytest.approx(expected, abs=1e-4)  # type: ignore[arg-type]


def test_pace_agrees_with_a_simulation() -> None:
    """Costs that grow with the pass, three levels: arithmetic and dice must tell the same."""
    costs = [lambda n: 1.0 * n, lambda n: 3 + 0.2 * n, lambda n: 20 + 0.5 * n]
    dice, spent, made = random.Random(1), 0.0, 0

    def kept(n: int, a: float) -> int:
        count = 0
        while count < n and dice.random() < a:
            count += 1
        return count + 1

    for _ in range(40_000):
        stands = 0
        while stands < 5:
            spent += 3 * costs[0](1) + costs[1](4)
            stands += kept(3, 0.7)
        spent += costs[2](stands + 1)
        made += kept(stands, 0.8)
    assert seconds_per_token(costs, (0.7, 0.8), (3, 5)) == pytest.approx(spent / made, rel=0.01)


def told(
    preset: Preset, seconds: dict[str, float], agreement: dict[tuple[str, str], float], dice: random.Random
) -> Round:
    """Return a round of ``preset`` in which each level takes and keeps what is given for its model."""
    roles = [stage.source.role for stage in preset.stages if isinstance(stage.source, Model)]
    passes = [Pass(level, "verify" if level else "draft", 2, 0.0, seconds[role]) for level, role in enumerate(roles)]
    passes.append(Pass(len(roles) - 1, "verify", 1, 0.0, seconds["target"]))
    tokens = []
    for level in range(1, len(roles)):
        for _ in range(4):
            stands = dice.random() < agreement[roles[level - 1], roles[level]]
            judged = ((level - 1, 0.5), (level, 0.5))
            tokens.append(
                Token(1, "a", level - 1, level if stands else level - 1, None if stands else level, False, judged)
            )
    return Round(0, tuple(tokens), tuple(passes), "", 0.0, 0.1)


def settled(seconds: dict[str, float], agreement: dict[tuple[str, str], float], replies: int = 30) -> Preset:
    """Return what the planner settles on after some replies in such a world."""
    planner, preset, dice = Planner(), HSD, random.Random(3)
    for _ in range(replies):
        preset = planner.plan(HSD)
        for _ in range(12):
            planner.add(told(preset, seconds, agreement, dice), preset)
    return preset


def roles(preset: Preset) -> list[str]:
    return [stage.source.role for stage in preset.stages if isinstance(stage.source, Model)]


def test_nothing_known_changes_nothing() -> None:
    """A first reply must not wait for measurements."""
    assert Planner().plan(HSD) == HSD


SIZES: dict[Source, int] = {Model("draft"): 46_000_000, Model("qualifier"): 71_000_000, Model("target"): 135_000_000}


def test_a_first_reply_on_a_processor_runs_what_may_pay() -> None:
    """The starter's case: a first reply by all three took 2.5 times as long as plain decoding."""
    first = Planner(SIZES).plan(HSD)
    assert roles(first) == ["draft", "target"]
    assert first.stages[0].window.tokens <= 2
    assert roles(Planner(SIZES | {Model("draft"): 10**6}).plan(HSD))[0] == "draft"
    assert roles(Planner({**SIZES, Model("draft"): 134_000_000, Model("qualifier"): 134_000_000}).plan(HSD)) == [
        "target"
    ]


def test_what_was_timed_replaces_what_was_reckoned() -> None:
    """Guards: a plan that stays at what sizes promised, or compares seconds with parameters."""
    planner, dice = Planner(SIZES), random.Random(5)
    agreement = {("draft", "target"): 0.1, ("draft", "qualifier"): 0.9, ("qualifier", "target"): 0.9}
    seconds = {"draft": 3e-3, "qualifier": 3e-3, "target": 9e-3}
    seen = set()
    for _ in range(30):
        preset = planner.plan(HSD)
        seen.add(tuple(roles(preset)))
        for _ in range(12):
            planner.add(told(preset, seconds, agreement, dice), preset)
    assert ("draft", "target") in seen
    assert roles(preset) == ["qualifier", "target"]


def test_a_middle_model_that_does_not_pay_is_left_out() -> None:
    """The starter's case: a qualifier at half the target's cost that agrees no better than the draft."""
    agreement = {("draft", "qualifier"): 0.4, ("qualifier", "target"): 0.45, ("draft", "target"): 0.5}
    assert roles(settled({"draft": 1, "qualifier": 10, "target": 20}, agreement)) == ["draft", "target"]


def test_a_middle_model_that_pays_stays() -> None:
    """Cheap and clearly better than the draft: three levels win."""
    agreement = {("draft", "qualifier"): 0.85, ("qualifier", "target"): 0.95, ("draft", "target"): 0.5}
    assert roles(settled({"draft": 1, "qualifier": 4, "target": 60}, agreement)) == ["draft", "qualifier", "target"]


def test_hopeless_speculation_is_given_up_and_tried_again() -> None:
    """Slower than plain for ever would be a promise broken; never trying again would miss a change of subject."""
    agreement = dict.fromkeys([("draft", "qualifier"), ("qualifier", "target"), ("draft", "target")], 0.03)
    seconds = {"draft": 9.0, "qualifier": 15.0, "target": 20.0}
    planner, dice, chains = Planner(), random.Random(3), []
    for _ in range(3 * PATIENCE):
        preset = planner.plan(HSD)
        chains.append(len(preset.stages))
        for _ in range(8):
            planner.add(told(preset, seconds, agreement, dice), preset)
    assert chains.count(1) > 2 * PATIENCE
    assert any(count > 1 for count in chains[PATIENCE + 3 :])


def test_a_plan_is_kept_until_another_promises_clearly_more() -> None:
    """Every change records new graphs; noise in the clock must not cause it."""
    agreement = {("draft", "qualifier"): 0.6, ("qualifier", "target"): 0.7, ("draft", "target"): 0.6}
    planner, dice, plans = Planner(), random.Random(4), []
    for _ in range(40):
        preset = planner.plan(HSD)
        plans.append(preset)
        noise = {"draft": dice.gauss(1, 0.05), "qualifier": dice.gauss(6, 0.3), "target": dice.gauss(20, 1)}
        for _ in range(12):
            planner.add(told(preset, noise, agreement, dice), preset)
    assert len(set(plans[10:])) <= 3
