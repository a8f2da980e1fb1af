"""What the program makes ready at a start: the first run comes once, and only to whom nothing was shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.library.starter import FORM, MODEL

ROOT = Path(__file__).parents[2]
LOOK = "from app.__main__ import prepare; print(prepare(['updraft', *{words!r}])[0].first_run is not None)"


def made_ready(home: Path, *words: str) -> str:
    folders = {name: str(home) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    environment = os.environ | folders | {"HOME": str(home), "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", LOOK.format(words=words)]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_the_first_run_is_for_who_never_chatted_here(tmp_path: Path) -> None:
    """Guards: an answer by itself in front of somebody's chats, or of a model that was asked for or is not there."""
    assert made_ready(tmp_path) == "False", "set-up has not fetched the starter"
    starter = tmp_path / "Updraft" / "starter" / f"{MODEL}-{FORM}"
    starter.mkdir(parents=True)
    (starter / "config.json").write_text("{}", encoding="utf-8")  # not read before the window is there
    assert made_ready(tmp_path) == "True"
    assert made_ready(tmp_path, "--model", str(tmp_path)) == "False"
    (tmp_path / "Updraft").mkdir(exist_ok=True)
    (tmp_path / "Updraft" / "conversations.sqlite3").touch()
    assert made_ready(tmp_path) == "False"
