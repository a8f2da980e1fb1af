"""Which models a start begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from app.models.last_models import KEPT, begun_with, is_there, remember, remembered
from engine.config import ModelSet
from engine.errors import CheckpointError
from engine.library import starter_models
from tests.app.scripted import Opener
from tests.app.stage import Start


def test_a_set_comes_back_as_it_was(settings: QSettings, tmp_path: Path) -> None:
    """Guards: a set that lost its draft, or a name that is no longer its own."""
    many = ModelSet("All", {role: tmp_path / role for role in ("target", "qualifier", "draft", "a head of its own")})
    for models in (ModelSet.alone("雪 “b”", tmp_path), many):
        remember(settings, models)
        assert remembered(settings) == models
    assert is_there(ModelSet.alone("One", tmp_path))
    assert not is_there(ModelSet("Two", {"target": tmp_path, "draft": tmp_path / "gone"}))


@pytest.mark.parametrize("kept", ["", "{", "[]", "3", '{"name": "x"}', '{"name": "x", "target": 3}', "null"])
def test_what_cannot_be_read_is_no_set(settings: QSettings, kept: str) -> None:
    """Guards: a start that fails for a line in a file."""
    settings.setValue(KEPT, kept)
    assert remembered(settings) is None


def test_only_models_that_load_are_remembered(
    start: Start, qtbot: QtBot, settings: QSettings, opener: Opener, tmp_path: Path
) -> None:
    """Guards: every start going back to the starter; a model that cannot load tried again at every start."""
    running = start()
    mine = ModelSet.alone("Mine", tmp_path)
    running.window.picker.open(mine)
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    assert remembered(settings) == mine
    opener.error = CheckpointError("No.", "")
    running.window.picker.open(ModelSet.alone("Broken", tmp_path))
    qtbot.waitUntil(lambda: running.chat.engine.value == "down")
    assert remembered(settings) == mine
    opener.error = None
    running.passing = ModelSet.alone("Given", tmp_path)
    running.window.picker.open(running.passing)
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    assert remembered(settings) == mine


def test_a_start_begins_with_what_was_used_last(settings: QSettings, tmp_path: Path) -> None:
    """Guards: a start with a folder that is gone; the starter looked for where an older version had it."""
    starter, mine = ModelSet.alone("SmolLM2", tmp_path / "new"), ModelSet.alone("Mine", tmp_path)
    assert begun_with(settings, starter) == (starter, None)
    remember(settings, mine)
    assert begun_with(settings, starter) == (mine, None)
    remember(settings, gone := ModelSet.alone("Gone", tmp_path / "gone"))
    assert begun_with(settings, starter) == (starter, gone)
    remember(settings, ModelSet.alone("Starter", tmp_path / "old"))
    assert begun_with(settings, starter) == (starter, None)
    remember(settings, ModelSet.alone("Tiny (early exits)", tmp_path / "old"))
    assert begun_with(settings, starter) == (starter, None)


def test_the_starter_is_whichever_there_is(start: Start, qtbot: QtBot, settings: QSettings, tmp_path: Path) -> None:
    """Guards: a starter of this version looked for by the next, which prepares another."""
    remember(settings, ModelSet.alone("Mine", tmp_path))
    running = start()
    running.window.picker.open(starter_models())
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    assert remembered(settings) is None
    real = ModelSet.alone("SmolLM2", tmp_path)
    assert begun_with(settings, real) == (real, None)
