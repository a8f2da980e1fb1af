"""The program as a process, ended from outside in the middle of an export on a disk that hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.conversations.store import Store
from engine.config import ModelSet
from tests.engine.family import write_family

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> ModelSet:
    return write_family(tmp_path_factory.mktemp("family"))


def begin(home: Path, target: Path, models: ModelSet) -> subprocess.Popen[str]:
    """Start the program, and return once it hangs in the middle of an export to ``target``."""
    folders = {name: str(home) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    environment = os.environ | folders | {"HOME": str(home), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("ending.py")), str(target)]
    options = ["--model", str(models.target.parent)]
    return subprocess.Popen([*command, *options], cwd=home, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_an_end_in_the_middle_of_an_export_loses_nothing(tmp_path: Path, family: ModelSet) -> None:
    """Guards: an abort, a box nobody can answer, a lost draft; half of a file where one was, or beside it for good."""
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    out.mkdir()
    target = out / "talk.json"
    target.write_text("what was there", "utf-8")
    for number, (sent, code) in enumerate([(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)], 1):
        running = begin(home, target, family)
        assert running.stdout is not None
        assert running.stdout.readline(), "it ended before it had begun to export"
        running.send_signal(sent)
        running.stdout.close()
        assert running.wait(60) == code
        assert target.read_text("utf-8") == "what was there"
        assert len(list(out.glob(".*"))) == 1, "the first one went with the second start"
        store = Store(home / "Updraft")
        assert [chat.title for chat in store.chats()] == ["Kept"] * number
        assert (store.note("draft") == "half a sent") == (sent == signal.SIGTERM)
        store.close()
