"""Runs ``python -m app`` on a disk that hangs in the middle of an export, and says on a line of JSON when it does.

python ending.py TARGET ARGUMENTS…    TARGET: the file exported to
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from pathlib import Path

from PySide6.QtCore import QTimer

from app.window import Window
from tests.app.conversations.test_store import answered
from tests.journeys.killed import PERIOD, Hand, tell


def act(window: Window, target: Path) -> None:
    archive = window.archive
    if not archive.ready:
        QTimer.singleShot(PERIOD, window, lambda: act(window, target))
        return
    before, talk = set(target.parent.glob(".*")), answered("Kept")
    archive.write(lambda store: store.put_whole(talk))
    window.composer.field.setPlainText("half a sent")
    window.conversations.export(talk.id, target)
    watch = QTimer(window, interval=PERIOD)
    watch.timeout.connect(lambda: tell(left=len(set(target.parent.glob(".*")) & before)) if begun(target) else None)
    watch.start()


def begun(target: Path) -> bool:
    return any(part.stat().st_size for part in target.parent.glob(".*"))


def hang(fd: int) -> None:
    """Hang where ``fd`` is that of the export; other files of the program go to the disk."""
    if any(os.path.samestat(os.fstat(fd), part.stat()) for part in target.parent.glob(".*")):
        time.sleep(600)
    else:
        sync(fd)


if __name__ == "__main__":
    target, sync = Path(sys.argv[1]), os.fsync
    os.fsync = hang  # type: ignore[assignment]  # its argument may have a fileno() instead
    hand = Hand(lambda window: act(window, target))
    sys.argv = ["updraft", *sys.argv[2:]]
    runpy.run_module("app", run_name="__main__")
