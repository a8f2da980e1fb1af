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
    archive = window.desk.archive
    if not archive.ready:
        QTimer.singleShot(PERIOD, window, lambda: act(window, target))
        return
    before, talk = set(target.parent.glob(".*")), answered("Kept")
    archive.write(lambda store: store.put_whole(talk))
    window.composer.field.setPlainText("half a sent")
    window.desk.export(talk.id, target)
    watch = QTimer(window, interval=PERIOD)
    watch.timeout.connect(lambda: tell(left=len(set(target.parent.glob(".*")) & before)) if begun(target) else None)
    watch.start()


def begun(target: Path) -> bool:
    return any(part.stat().st_size for part in target.parent.glob(".*"))


def hang(fd: object) -> None:
    del fd
    time.sleep(600)


if __name__ == "__main__":
    os.fsync = hang
    target = Path(sys.argv[1])
    hand = Hand(lambda window: act(window, target))
    sys.argv = ["updraft", *sys.argv[2:]]
    runpy.run_module("app", run_name="__main__")
