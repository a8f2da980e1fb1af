"""What is kept of a crash, by programs that really crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.desktop.crash import MOST, CrashLog
from app.desktop.logs import write_log
from app.desktop.report import ReportDialog
from app.talk.standing import Engine
from tests.app.scripted import Opener
from tests.app.stage import MODELS, Start

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys, threading
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QTimer, qCritical
from app.desktop.crash import CrashLog
app = QCoreApplication([])
log = CrashLog(Path(sys.argv[1]))
log.watch()
def fault():
    {fault}
QTimer.singleShot(0, fault)
QTimer.singleShot(200, app.quit)
app.exec()
{end}
"""


def crash(folder: Path, fault: str, end: str = "") -> str:
    """Run a program that does ``fault``; return what the next one finds."""
    code = PROGRAM.format(fault=fault, end=end)
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, timeout=60, check=False)
    found = CrashLog(folder)
    left = found.left
    found.end()
    return left


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("import ctypes; ctypes.string_at(0)", "Segmentation fault"),
        ("import os; os.abort()", "Aborted"),
        ("raise RuntimeError('boom in a slot')", "boom in a slot"),
        ("threading.Thread(target=lambda: 1 / 0).start()", "ZeroDivisionError"),
    ],
)
def test_a_fault_is_found_at_the_next_start(tmp_path: Path, fault: str, said: str) -> None:
    """Guards: a crash that leaves nothing to report: in native code, in a slot, in a thread."""
    left = crash(tmp_path, fault)
    assert said in left
    assert left.startswith("Updraft ")
    assert "PySide6-Essentials 6." in left


def test_a_good_end_leaves_nothing(tmp_path: Path) -> None:
    """Guards: a report offered for a fault that was seen already; a file that is never emptied."""
    assert crash(tmp_path, "raise RuntimeError('seen')", "log.end()") == ""
    assert not (tmp_path / "crash.log").exists()


def test_a_fault_in_every_frame_does_not_fill_the_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards: gigabytes of the same traceback."""
    log = CrashLog(tmp_path)
    told: list[str] = []
    log.happened.connect(told.append)
    for _ in range(3 * MOST):
        error = ValueError("again")
        log._uncaught(ValueError, error, None)
    assert len(told) == MOST
    assert log.path.read_text("utf-8").count("ValueError: again") == MOST
    log.end()
    capsys.readouterr()


def test_the_report_is_offered_and_copied(start: Start, qtbot: QtBot, qapp: QApplication) -> None:
    """Guards: a report nobody can hand on."""
    window = start().window
    window.tell_fault("Traceback: boom", past=True)
    assert "did not close properly" in window.banner.sentence.text()
    window.banner.buttons["report"].click()
    dialog = window.findChild(ReportDialog)
    assert isinstance(dialog, ReportDialog)
    dialog.copy.click()
    assert qapp.clipboard().text() == "Traceback: boom"


def test_the_next_start_offers_what_the_last_left(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, settings: QSettings, opener: Opener
) -> None:
    """Guards: a report that is kept and never shown; one that is shown for ever."""
    (tmp_path / "crash.log").write_text("Fatal Python error: Segmentation fault\n", "utf-8")
    running = Application(qapp, opener, settings, [MODELS], tmp_path, crash=CrashLog(tmp_path))
    running.start(MODELS)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.READY)
    assert "did not close properly" in running.window.banner.sentence.text()
    assert running.crash is not None
    running.crash.happened.emit("Traceback: now")
    assert "not foreseen" in running.window.banner.sentence.text()
    running.window.banner.buttons["report"].click()
    dialog = running.window.findChild(ReportDialog)
    assert isinstance(dialog, ReportDialog)
    assert dialog.text.toPlainText() == "Traceback: now"
    running.window.close()
    assert running.end()
    running.crash.end()
    again = CrashLog(tmp_path)
    assert again.left == ""
    again.end()


@pytest.mark.parametrize("kind", ["folder", "pipe", "no place"])
def test_a_log_that_cannot_be_written_is_done_without(tmp_path: Path, kind: str) -> None:
    """Guards: no window because of something else where the log should be; a pipe, at which opening waits for ever."""
    logs = tmp_path / "logs"
    if kind == "no place":
        logs.write_text("a file")
    else:
        logs.mkdir()
        for name in ("crash.log", "updraft.log"):
            if kind == "folder":
                (logs / name).mkdir()
            elif sys.platform != "win32":
                os.mkfifo(logs / name)
    crash = CrashLog(logs)
    write_log(logs)
    crash.watch()
    crash.end()
    assert crash.left == ""
    assert kind == "no place" or (logs / "crash.log").exists()
