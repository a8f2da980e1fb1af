"""The program as a process, from an empty screen to an answer and out again, over the real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.config import ModelSet
from tests.engine.family import write_family

ROOT = Path(__file__).parents[2]
OFFSCREEN_NOISE = "This plugin does not support propagateSizeHints()"


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    return write_family(tmp_path_factory.mktemp("family"))


def travel(home: Path, models: ModelSet, *more: str) -> dict[str, Any]:
    """Run the journey with settings and logs below ``home``; returns what it saw."""
    folders = {name: str(home) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    path = os.pathsep.join((str(silent_driver(home)), os.environ["PATH"]))
    environment = os.environ | folders | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": path}
    command = [sys.executable, "-X", "faulthandler", str(Path(__file__).with_name("drive.py"))]
    done = subprocess.run(
        [*command, str(models.target.parent), *more],
        cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if line and line != OFFSCREEN_NOISE]
    assert (done.returncode, complaints) == (0, [])
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def silent_driver(home: Path) -> Path:
    """Return a folder with an nvidia-smi that finds no GPU, so that looking for one starts a program here as well."""
    (folder := home / "driver").mkdir()
    (folder / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    (folder / "nvidia-smi").chmod(0o755)
    return folder


def test_a_question_asked_at_once_is_answered_through_three_levels(tmp_path: Path, family: ModelSet) -> None:
    """Guards: the main job, end to end: window first, engine after, the waiting question answered, a clean way out."""
    seen = travel(tmp_path, family, "What is a fox?")
    assert "failure" not in seen
    assert seen["torch_at_first_sight"] is False
    assert seen["asked_while_loading"] is True
    assert seen["outcome"] == "finished"
    assert len(seen["levels"]) == 3
    assert seen["text"] == seen["reply"]
    assert "tokens/s" in seen["status"]
    assert "exact" in seen["status"]
    assert seen["thread_ended"] is True
    assert seen["started_by_window"] == [], "each takes a moment in which nothing is drawn"
    assert seen["started_by_others"], "looking for a GPU is one"
    assert (tmp_path / "Updraft").is_dir()


def test_the_window_can_be_closed_while_an_answer_runs(tmp_path: Path, family: ModelSet) -> None:
    """Guards: crashes, warnings or a hanging process when leaving in the middle of an answer."""
    seen = travel(tmp_path, family, "Count for ever.", "stop")
    assert seen["thread_ended"] is True
