"""Which models answer until others are chosen, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import tiny_models
from engine.library import starter, starter_models, starter_trouble


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a person whose data lie in a folder of the test's own."""
    monkeypatch.setattr(starter, "user_data_path", lambda *_, **__: tmp_path / "data")
    return tmp_path / "data" / "starter"


def test_the_tiny_models_answer_where_nothing_is_prepared(home: Path) -> None:
    """Guards: a start without any model where set-up could not fetch one, or a reason told where nobody tried."""
    assert starter_models() == tiny_models()
    assert starter_trouble() == ""
    home.mkdir(parents=True)
    (home / "trouble.txt").write_text("The package index could not be reached.\n", encoding="utf-8")
    assert starter_trouble() == "The package index could not be reached."


def test_what_is_prepared_answers(home: Path) -> None:
    """Guards: a folder that was left half made taken for a model; an old reason told beside a model that is there."""
    folder = home / "SmolLM2-135M-Instruct-1"
    folder.mkdir(parents=True)
    (home / "trouble.txt").write_text("No.", encoding="utf-8")
    assert starter_models() == tiny_models()
    (folder / "config.json").write_text("{}")
    assert (starter_models().name, starter_models().target) == ("SmolLM2 (starter)", folder)
    assert starter_trouble() == ""
