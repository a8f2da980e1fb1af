"""What passes are thought to take before they were timed, where layers of the target come over the bus."""

from __future__ import annotations

import pytest

from engine.config import TARGET, Head, InnerHead, Model
from engine.decoding.planning.costs import WIDER, Costs

TOP, SMALL = Model(TARGET), Model("qualifier")


def test_smaller_models_are_not_taken_to_be_as_slow_as_the_bus() -> None:
    """Guards: a model of a ninth of the weights reckoned at a ninth of a pass that takes half a second for its bus."""
    costs = Costs(TOP, {TOP: 9e9, SMALL: 1e9}, WIDER, slower=15.0)
    costs.observe(TOP, None, "judge", 1, 0.45)
    assert costs.judging(SMALL, None)(1) == pytest.approx(0.45 / 9 / 15)
    assert costs.guessing(SMALL)(10) == pytest.approx(10 * 0.45 / 9 / 15)
    assert costs.guessing(InnerHead("qualifier"))(1) == pytest.approx(0.15 * 0.45 / 9 / 15)
    stays = Costs(TOP, {TOP: 9e9, SMALL: 1e9}, WIDER)
    stays.observe(TOP, None, "judge", 1, 0.045)
    assert stays.judging(SMALL, None)(1) == pytest.approx(0.005)


def test_a_pass_of_many_tokens_is_taken_to_cost_what_one_does() -> None:
    """Guards: windows kept narrow because wide ones were never timed."""
    costs = Costs(TOP, {TOP: 9e9, SMALL: 1e9}, WIDER, slower=15.0)
    costs.observe(TOP, None, "judge", 1, 0.45)
    assert costs.judging(TOP, SMALL)(64) < 1.04 * costs.judging(TOP, SMALL)(1)
    assert costs.judging(SMALL, None)(16) > 1.1 * costs.judging(SMALL, None)(1)


def test_reading_is_shared_out_by_what_each_was_thought_to_take() -> None:
    """Guards: a small level charged with what a large one reads beside it; texts that move what passes cost."""
    costs = Costs(TOP, {TOP: 9e9, SMALL: 1e9}, WIDER)
    costs.observe(TOP, None, "judge", 1, 0.09)
    for _ in range(9):
        costs.read({Head(): 100}, 0.1)
        costs.read({SMALL: 100}, 0.3)
    assert costs.reading(Head()) == pytest.approx(0.001)
    for _ in range(30):
        costs.read({Head(): 100, SMALL: 100}, 0.8)
    assert costs.reading(Head()) == pytest.approx(0.002, rel=0.05)
    assert costs.reading(SMALL) == pytest.approx(0.006, rel=0.05)
    assert costs.judging(TOP, None)(1) == pytest.approx(0.09)


def test_a_few_steps_that_were_held_up_make_no_window_free() -> None:
    """Guards: plain decoding thought slower than passes of two, of which many were seen: every window looks cheap then.

    A machine under load measured 36.7 and 31.0 ms so, and whatever guessed was believed to gain a fifth.
    """
    costs = Costs(TOP, wider=0.15)
    for _ in range(40):
        costs.observe(TOP, None, "judge", 2, 0.031)
    for _ in range(3):
        costs.observe(TOP, None, "judge", 1, 0.05)
    assert costs.judging(TOP, None)(1) <= costs.judging(TOP, None)(2)
