"""One window for a person and a data folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

import app.desktop.single_instance
from app.desktop.single_instance import SingleInstance, address, private_folder
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


def test_addresses_are_a_persons_and_a_folders_own(tmp_path: Path) -> None:
    """Guards: paths with letters or lengths a socket cannot have; two folders that share one."""
    names = {address(Path("/run/user/1000/updraft"), tmp_path / name) for name in ("a", "Größe 雪", "x" * 200)}
    assert len(names) == 3
    assert all(name.isascii() and len(name) <= 100 for name in names)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have owners elsewhere")
def test_a_place_that_others_can_reach_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: another user who holds the socket: Updraft ends without a window, or stands in line for ever."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "shared"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    monkeypatch.setattr(app.desktop.single_instance, "LONGEST", 300)
    (tmp_path / "shared" / "updraft").mkdir(parents=True)
    (tmp_path / "shared" / "updraft").chmod(0o777)
    for within in ("caches", "t"):
        place = private_folder()
        assert place is not None
        assert place.is_relative_to(tmp_path / within)
        assert place.stat().st_mode & 0o777 == 0o700
        place.chmod(0o750)
    assert private_folder() is None
    assert SingleInstance(tmp_path).claim()  # rather two windows than none


def test_a_long_way_home_does_not_keep_starts_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a second window over the same conversations, because the caches' path is too long for a socket."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ("long" * 30)))
    place = private_folder()
    assert place is not None
    assert len(address(place, tmp_path)) <= 100


def test_a_stranger_at_the_socket_does_not_end_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """Guards: any word taken for Updraft's, so that a start ends with nothing to see."""
    other = SingleInstance(tmp_path)
    assert other.claim()
    monkeypatch.setattr(app.desktop.single_instance, "DONE", b"who?\n")
    process = start_another(tmp_path)
    assert said(process, qtbot) == "first"
    other.release()


def test_a_minimised_window_comes_forward(start: Start) -> None:
    """Guards: a window that is raised but stays minimised."""
    window = start().window
    window.setWindowState(window.windowState() | Qt.WindowState.WindowMinimized)
    window.come_forward()
    assert not window.isMinimized()
    assert window.isVisible()
