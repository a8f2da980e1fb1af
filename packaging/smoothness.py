"""Measures how smooth the window stays while the engine loads and while it answers.

python packaging/smoothness.py [--model FOLDER] [--preset hispec] [--tokens 400]

A 16 ms timer on the window's thread notes how late it fires. Prints median, 99th percentile and worst lateness in
milliseconds for loading, answering and resting, and how long the window took to appear. The goal: p99 under 8 ms while
answering, on screen within a second.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QEventLoop, QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.__main__ import SWITCH, Application
from app.chat import Engine
from app.worker import open_engine
from engine.config import PRESETS, Sampling, models_in, starter_models

PERIOD = 16  # ms


class Clock:
    """Notes how many milliseconds late each tick is, under the name of what is going on."""

    def __init__(self) -> None:
        self.late: dict[str, list[float]] = {}
        self.phase = "resting"
        self._due: float | None = None
        self._timer = QTimer(interval=PERIOD, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = 1000 * time.perf_counter()
        if self._due is not None:
            self.late.setdefault(self.phase, []).append(max(now - self._due, 0.0))
        self._due = now + PERIOD

    def report(self) -> None:
        """Print a line a phase."""
        for phase, late in self.late.items():
            late.sort()
            median, high = late[len(late) // 2], late[int(0.99 * (len(late) - 1))]
            print(
                f"{phase:10} {len(late):6} ticks  median {median:6.2f}  p99 {high:6.2f}  worst {late[-1]:6.2f} ms late"
            )


def age() -> float:
    """Return the seconds since this process began, interpreter and imports included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - float(_stat()[21]) / os.sysconf("SC_CLK_TCK")


def _stat() -> list[str]:
    after = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2]
    return ["", "", *after.split()]


def main() -> None:
    """Run the window through loading, one answer and rest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--preset", default="hispec", choices=PRESETS)
    parser.add_argument("--tokens", type=int, default=400)
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH)
    models = models_in(options.model) if options.model else starter_models()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication(["updraft"])
    with tempfile.TemporaryDirectory() as scratch:
        settings = QSettings(str(Path(scratch) / "settings.ini"), QSettings.Format.IniFormat)
        running = Application(app, open_engine, settings, [models], Path(scratch))
        chat = running.chat
        chat.preset = PRESETS[options.preset]
        running.window.show()
        app.processEvents()
        print(f"on screen after {age():.2f} s, torch imported: {'torch' in sys.modules}")
        running.start(models)
        loop, clock = QEventLoop(), Clock()
        clock.phase = "loading"
        chat.failed.connect(lambda failure: sys.exit(f"{failure.sentence} {failure.hint}"))
        chat.tune(Sampling(seed=1), options.tokens)
        chat.engine_changed.connect(lambda: chat.engine is Engine.READY and chat.send("Tell me a long story."))
        chat.answering.connect(lambda: setattr(clock, "phase", "answering"))
        chat.answered.connect(lambda _: setattr(clock, "phase", "resting"))
        chat.answered.connect(lambda _: QTimer.singleShot(2000, loop.quit))
        loop.exec()
        clock.report()
        pace = chat.tally.average or 0.0
        print(f"{chat.tally.tokens} tokens, {pace:.1f} tokens/s, {chat.tally.rounds} rounds")
        running.window.close()
        running.end()


if __name__ == "__main__":
    main()
