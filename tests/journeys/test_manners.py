"""The program as a process: one for a person and a folder, and its command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from app.desktop.logs import log_folder

ROOT = Path(__file__).parents[2]


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "app", *more]


def surroundings(home: Path) -> dict[str, str]:
    folders = {name: str(home) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    return os.environ | folders | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "QT_QPA_PLATFORM": "offscreen"}


def test_a_second_start_leaves_the_first_alone(tmp_path: Path) -> None:
    """Guards: two programs writing to the same conversations, or a second start that ends in an error."""
    models = tmp_path / "models"
    models.mkdir()
    around = surroundings(tmp_path)
    first = subprocess.Popen(command("--model", str(models)), cwd=tmp_path, env=around, stderr=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + 60
        while not list(tmp_path.rglob("crash.log")):  # made once the folder is claimed
            assert time.monotonic() < limit, "it did not start"
            time.sleep(0.05)
        second = subprocess.run(
            command(), cwd=tmp_path, env=around, capture_output=True, text=True, timeout=60, check=False
        )
        assert (second.returncode, second.stderr) == (0, "")
        assert first.poll() is None
    finally:
        first.terminate()
        first.wait(30)


def test_a_disk_that_takes_no_log_does_not_stop_the_start(tmp_path: Path) -> None:
    """Guards: a program that cannot be started, and cannot say why, where its log folder cannot be written."""
    (tmp_path / "file").write_text("")
    folder = log_folder(tmp_path / "file" / "logs")
    assert folder.is_dir()
    folder.rmdir()
    assert log_folder(tmp_path / "logs") == tmp_path / "logs"


def test_a_wrong_argument_is_refused_at_once(tmp_path: Path) -> None:
    """Guards: a window that opens in spite of a mistyped option, or a traceback in place of a sentence."""
    done = subprocess.run(
        command("--font-size", "huge"), cwd=tmp_path, env=surroundings(tmp_path), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "must be a whole number from 9 to 32" in done.stderr
    assert "Traceback" not in done.stderr
