"""A course ends with a trial: what is faster is the model's from then on, what is not changes nothing."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from engine.arguments import parser
from engine.config import ModelSet
from engine.library.taught import taught_here
from engine.teaching import command
from engine.teaching.home import begun
from engine.teaching.protocol import Ended, Told
from engine.teaching.steering import Steering
from engine.teaching.trial import Tried


def ended(models: ModelSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *asked: str, pace: float) -> Ended:
    """Have a head taught whose answers come at so many tokens a second, beside 10 of plain decoding."""

    def taught(*given: object, **_: object) -> None:
        made = Path(str(given[6]))
        made.mkdir(parents=True)
        for name in ("config.json", "card.json"):
            (made / name).write_text('{"steps": 3}')

    monkeypatch.setattr("engine.library.taught.user_data_path", lambda *_, **__: tmp_path / "data")
    monkeypatch.setattr(command, "_taught", taught)
    monkeypatch.setattr(command, "try_out", lambda *_: Tried({"plain": (10.0, 10.0), "new": (pace, pace + 1)}))
    told: list[Told] = []
    run = lambda _: 0  # noqa: E731
    arguments: argparse.Namespace = parser("", ask=run, chat=run, bench=run, teach=run).parse_args(
        ["teach", "--device", "cpu", *asked]
    )
    command.teach(arguments, models, Steering(told.append))
    assert isinstance(told[-1], Ended)
    return told[-1]


def test_what_is_faster_is_kept_and_its_card_says_by_how_much(
    family: ModelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    found = ended(family, monkeypatch, tmp_path, "--fresh", pace=12.0)
    assert found.kept
    assert found.gain == pytest.approx(1.25)
    kept = taught_here(family.target)["head"]
    measured = json.loads((kept / "card.json").read_text())["measured"]
    assert measured["device"] == "CPU"
    assert measured["tokens a second"] == {"plain": 10.0, "new": 12.5}
    assert measured["times as fast as"] == {"plain": [1.25, 0.1]}
    assert begun(family.target)[0].asked.over
    elsewhere = ended(family, monkeypatch, tmp_path, "--fresh", "--out", str(out), pace=20.0)
    assert not elsewhere.kept
    assert json.loads((out / "card.json").read_text())["measured"]["tokens a second"]["new"] == 20.5
    assert json.loads((kept / "card.json").read_text())["measured"] == measured, "what there was is left alone"


def test_what_is_not_faster_changes_nothing(family: ModelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ended(family, monkeypatch, tmp_path, pace=9.0)
    assert not found.kept
    assert "not clearly faster" in found.outcome
    assert not taught_here(family.target)
    assert (Path(found.folder) / "config.json").is_file(), "it lies where the sentence says"
