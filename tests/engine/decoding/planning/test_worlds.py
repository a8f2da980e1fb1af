"""Auto in worlds as they were measured or published: goals that no luck of a trial may miss."""

from __future__ import annotations

import pytest

from engine.bench import worlds
from engine.bench.auto import AUTO, KEPT
from engine.bench.reality import PLAIN, TOP
from engine.bench.worlds import HEAD, WORLDS, asks, by_auto, by_fixed, choose
from engine.decoding.planning.search import Chain
from engine.errors import SettingError

BEST = {"starter-h200": 3, "llama-3.1-8b": 4}  # the window of the head, which is what is best there


@pytest.mark.parametrize("name", BEST)
def test_it_is_settled_within_two_replies(name: str) -> None:
    """Guards: a head that is lost from the chains a reply may run, copying that never brings what was counted on."""
    made, questions = WORLDS[name], asks(7)[:12]
    best = by_fixed(made(seed=8), Chain((HEAD,), (TOP,), (BEST[name],)), questions)
    plain = by_fixed(made(seed=9), PLAIN, questions)
    fresh, planner = by_auto(made(seed=7), questions)
    kept, _ = by_auto(made(seed=6), questions, planner)
    assert fresh.pace(None, 0, 1) < 1.05 * plain.pace(None, 0, 1)
    for found, start in ((fresh, 2), (kept, 0)):
        assert found.pace(None, start) < 1.07 * best.pace(None, start)  # chance scatters 1,500 tokens by 2 %
        assert all(found.pace(one.category) < 1.03 * plain.pace(one.category) for one in questions[start:])


def test_load_changes_no_plan() -> None:
    """Guards: a plan that flaps while everything takes twice as long for some seconds and then does not."""
    made, questions = WORLDS["starter-h200"], asks(7)[:12]
    _, planner = by_auto(made(seed=7), questions)
    load = made(seed=7, load=lambda at: 2.0 if int(at / 0.3) % 2 else 1.0)
    found, _ = by_auto(load, questions, planner)
    assert sum(found.changes) <= 14


def test_a_world_is_asked_as_a_model_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of one chain under the name of another; a name that is none."""
    monkeypatch.setattr(worlds, "WINDOWS", (2,))
    monkeypatch.setattr(worlds, "SIFTED", ())
    monkeypatch.setattr(worlds, "QUESTIONS", 1)
    heard = list[str]()
    report = choose("starter-h200", heard.append, load=True)
    assert set(report.answers) == {*heard, KEPT}
    assert {len(found) for found in report.answers.values()} == {13}
    assert report.pace("Head (2) → Target") > 1.3 * report.pace("Target")
    assert report.pace(AUTO) > report.pace("Target")
    assert KEPT in report.table()
    with pytest.raises(SettingError, match="not a world"):
        choose("llama-9", heard.append)
