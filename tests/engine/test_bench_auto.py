"""The benchmark of auto: every chain answers, and what is said of it can be read again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.bench.auto import AutoReport, Timed, compare_auto, fixed_chains
from engine.bench.load import Load
from engine.bench.papers.questions import Question
from engine.config import ModelSet, Sampling
from engine.loaded import How
from engine.session import Session
from tests.engine.family import finish
from tests.engine.pocket import pocket_models


def test_auto_beside_every_fixed_chain(family: ModelSet) -> None:
    """Guards: chains left out of the comparison, figures of one question under another's category."""
    alone = ModelSet.alone("x", family.target)
    session = finish(Session.open(alone, "cpu", threads=1))
    assert [name for name, _ in fixed_chains(session)] == ["Target", *(f"Lookup ({n}) → Target" for n in (1, 2, 4, 7))]
    questions = [Question(1, "qa", ("Once upon a time",)), Question(2, "rag", ("Once upon a time",))]
    report = compare_auto(session, questions, Sampling(temperature=0, seed=1), 10, lambda _: None)
    assert report.categories == ["qa", "rag"]
    assert report.strays == 0
    assert {len(found) for found in report.answers.values()} == {2}
    assert json.loads(json.dumps(report.to_json()))["ended"] == report.ended
    assert "of the best fixed chain" in report.table()


def test_a_figure_of_few_words_is_given_with_its_error_or_not_at_all() -> None:
    """Guards: a goal said to be met or missed by two short answers, which scatter by more than it."""
    plain = [Timed(category, 100, 1.0) for category in ("qa", "qa", "rag")]
    auto = [replace(plain[0], seconds=0.9), replace(plain[1], seconds=1.1), replace(plain[2], seconds=0.5)]
    report = AutoReport("x", {"Target": plain, "Auto": auto}, ["Lookup"], [0, 0, 0])
    told = report.ratio("Auto", "Target", "qa")
    assert told is not None
    assert (told.value, told.error) == pytest.approx((1.0, 0.2), abs=0.01)
    assert report.ratio("Auto", "Target", "rag") is None, "one answer tells nothing of the next"
    report.answers["Auto"][1] = replace(plain[1], seconds=3.0)
    assert report.ratio("Auto", "Target", "qa") is None, "it may be anything"
    (line,) = (line for line in report.table().splitlines() if line.startswith("rag"))
    assert line.split()[3:] == ["-", "-"]


def test_no_two_chains_have_one_name() -> None:
    """Guards: an early exit, which is called a draft where it guesses, told under a smaller model's name."""
    session = finish(Session.open(pocket_models(), "cpu", threads=1))
    found = list(fixed_chains(session))
    assert sum("exit at" in name for name, _ in found) > 10
    assert len(dict(found)) == len(found) == len({preset for _, preset in found})


@pytest.mark.parametrize(("how", "chains", "questions"), [("graphs", 2, 2), ("eager", 6, 1)])
def test_what_there_is_no_time_for_is_left_out(family: ModelSet, how: How, chains: int, questions: int) -> None:
    """Guards: minutes of a GPU after which there is nothing to show; chains of which only some questions are known."""
    session = finish(Session.open(ModelSet.alone("x", family.target), "cpu", how, threads=1))
    asked = [Question(n, "qa", ("Once upon a time",)) for n in range(2)]
    report = compare_auto(session, asked, Sampling(temperature=0, seed=1), 8, lambda _: None, minutes=0.0)
    assert {"Target", "Auto"} <= report.answers.keys()
    assert [len(found) for found in report.answers.values()] == [questions] * chains
    assert report.table()


def test_auto_beside_methods_by_name_under_load(family: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: programs that go on taking the machine when all is measured; others than those that were named."""
    session = finish(Session.open(ModelSet.alone("x", family.target), "cpu", threads=1))
    questions = [Question(n, "qa", ("Once upon a time",)) for n in range(2)]
    asked = questions, Sampling(temperature=0, seed=1), 8, lambda _: None, "all", ["plain", "lookup"]
    states = list[bool]()

    def turned(load: Load, *, on: bool) -> None:
        states.append(on)
        setting(load, on=on)

    setting = Load.set
    monkeypatch.setattr(Load, "set", turned)
    report = compare_auto(session, *asked, load=True)
    assert set(report.answers) == {"Target", "Lookup", "Auto"}
    assert states == [False] * 3 + [True] * 3 + [False], "all answer a question under the same load"
