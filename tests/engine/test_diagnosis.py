"""What the engine says of itself, and of the room a conversation has."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.config import PRESETS, ModelSet
from engine.diagnosis import describe_engine
from engine.session import Session
from tests.engine.family import finish, write_family

QUESTION = [("user", "The quick brown fox?")]


def test_the_report_names_what_is_loaded(tmp_path: Path) -> None:
    """Guards: a report that fails on a CPU, or that names models nobody loaded."""
    models: ModelSet = write_family(tmp_path)
    session = finish(Session.open(models, "cpu"))
    facts = dict(session.describe())
    assert facts["torch"] == torch.__version__
    assert facts["Device"] == "CPU"
    assert "8 layers" in facts["Model: target"]
    assert "Model: draft" not in facts
    list(session.reply(QUESTION, preset=PRESETS["draft"], max_tokens=2))
    assert "Model: draft" in dict(session.describe())
    session.close()
    assert not any(name.startswith("Model") for name, _ in describe_engine(torch.device("cpu"), {}))


def test_the_context_is_known_before_every_model_is_loaded(tmp_path: Path) -> None:
    """Guards: a meter that fails until the first reply has loaded the smaller models."""
    session = finish(Session.open(write_family(tmp_path), "cpu"))
    target = session.loaded["target"].context
    assert session.context(PRESETS["hsd"]) == target
    assert 0 < session.count(QUESTION) < target
    session.close()
