"""One window for a person and a data folder."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

import app.desktop.single_instance
from app.desktop.single_instance import SingleInstance, socket_name
from tests.app.stage import Start

ROOT = Path(__file__).parents[3]
SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.desktop.single_instance import SingleInstance
app = QCoreApplication([])
single = SingleInstance(Path(sys.argv[1]))
try:
    print("first" if single.claim() else "second")
except TimeoutError:
    print("no answer")
if "crash" in sys.argv:
    import os
    os._exit(1)
single.release()
"""


def start_another(data: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SECOND, str(data), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str], qtbot: QtBot) -> str:
    """Return what a process said, while this one's events run."""
    done = threading.Event()
    heard: list[str] = []

    def listen() -> None:
        heard.append(process.communicate(timeout=30)[0].strip())
        done.set()

    threading.Thread(target=listen).start()
    qtbot.waitUntil(done.is_set, timeout=30_000)
    return heard[0]


def test_a_second_start_raises_the_first(tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: two programs over the same conversations; a second start that seems to do nothing."""
    first = SingleInstance(tmp_path)
    assert first.claim()
    with qtbot.waitSignal(first.raise_wanted, timeout=20_000):
        other = start_another(tmp_path)
    assert said(other, qtbot) == "second"
    assert said(start_another(tmp_path / "other data"), qtbot) == "first"
    first.release()
    assert said(start_another(tmp_path), qtbot) == "first"


def test_a_crash_does_not_lock_the_person_out(tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: a socket left behind by a crash that keeps every later start from running."""
    assert said(start_another(tmp_path, "crash"), qtbot) == "first"
    again = SingleInstance(tmp_path)
    assert again.claim()
    again.release()


def test_a_first_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    """Guards: a second start that waits for ever on a first that does not answer."""
    monkeypatch.setattr(app.desktop.single_instance, "PATIENCE", 200)
    first = SingleInstance(tmp_path)
    assert first.claim()
    with pytest.raises(TimeoutError):  # no event of ours runs meanwhile
        SingleInstance(tmp_path).claim()
    first.release()


def test_names_are_a_persons_and_a_folders_own(tmp_path: Path) -> None:
    """Guards: names with letters or lengths a socket cannot have; two folders that share one."""
    names = {socket_name(tmp_path / name) for name in ("a", "Größe 雪", "x" * 200)}
    assert len(names) == 3
    assert all(name.isascii() and len(name) < 40 for name in names)


def test_a_minimised_window_comes_forward(start: Start) -> None:
    """Guards: a window that is raised but stays minimised."""
    window = start().window
    window.setWindowState(window.windowState() | Qt.WindowState.WindowMinimized)
    window.come_forward()
    assert not window.isMinimized()
    assert window.isVisible()
