"""What planners know, between sessions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.bench.reality import TOP
from engine.config import Block, Exit, Lookup, Model
from engine.decoding.planning.costs import Costs
from engine.decoding.planning.kept import Plans
from engine.decoding.planning.planner import Planner
from engine.decoding.planning.search import Chain
from tests.engine.decoding.planning.test_pilot import WORLDS


def planner_in(plans: Plans) -> Planner:
    return plans.of("a model", lambda: Costs(TOP), picky=True)


def filled(file: Path) -> Planner:
    """Leave what a reply taught in ``file``; return the planner."""
    plans = Plans(file)
    real = WORLDS["a good head"][0]()
    planner = planner_in(plans)
    for _ in range(2):
        real.reply(planner, 100)
    planner.failed[Exit(0.5), TOP] = 2, 40
    planner.best = Chain((Lookup(), Block(None)), (Model("draft"), TOP), (3, 4))
    plans.save()
    return planner


def test_what_is_known_comes_back(tmp_path: Path) -> None:
    """Guards: a source that cannot be read again, and with it all that took replies to find out."""
    told = filled(tmp_path / "plans.json")
    again = planner_in(Plans(tmp_path / "plans.json"))
    assert (again.best, again.purse, again.rounds, again.failed) == (told.best, told.purse, told.rounds, told.failed)
    assert (again.turning, again.replies) == (told.turning, told.replies)
    assert again.beliefs.costs.known == told.beliefs.costs.known
    assert again.beliefs.agreements.counts == told.beliefs.agreements.counts
    assert again.beliefs.beside == told.beliefs.beside
    assert again.beliefs.copies.held == told.beliefs.copies.held


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda _: "[1, 2]",
        lambda text: text.replace('"tempo"', '"time"'),
        lambda text: text.replace('"model"', '"mould"'),
        lambda text: text.replace('"judge"', '"judges"'),
        lambda text: text.replace('"purse": ', '"purse": 1e400, "x": '),
        lambda text: text.replace("[3, 4]", "[3]"),
        lambda text: text.replace("[3, 4]", '["a", 4]'),
        lambda text: text.replace("[3, 4]", "[3, 40]"),
        lambda text: json.dumps({"a model": {"tempo": "fast"}}) if text else "",
        lambda text: "[" * len(text),
    ],
)
def test_a_damaged_file_is_none(tmp_path: Path, damage: object) -> None:
    """Guards: a window that does not open because a file was cut off; half of what is known taken for all."""
    assert callable(damage)
    file = tmp_path / "plans.json"
    filled(file)
    file.write_text(damage(file.read_text(encoding="utf-8")), encoding="utf-8")
    planner = planner_in(Plans(file))
    assert (planner.best, planner.purse, planner.beliefs.costs.known, planner.rounds) == (None, None, {}, 0)
