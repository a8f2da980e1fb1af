"""Measures how smooth the window stays while the engine loads and while it answers.

python packaging/smoothness.py [--model FOLDER] [--preset hispec] [--tokens 400] [--view reading]
python packaging/smoothness.py --played 10000 [--pace 1000] [--seconds 5] [--view trace]

Three clocks, in milliseconds, as median, 99th percentile and worst. Late: how late a 16 ms timer on the window's
thread fires. Frame: from the moment events that have arrived are looked at until what they changed is on the screen.
Work: the processor time of a frame, which other programs do not lengthen. The goals: p99 late under 8 ms while
answering, on screen within a second; with --played, which plays a made-up reply at a steady pace behind one of so many
tokens, p99 of a frame under 16 ms. At the end of that, the time that changes of views take.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from played import Played
from PySide6.QtCore import QEvent, QEventLoop, QObject, QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.__main__ import SWITCH, Application
from app.chat import Chat, Engine
from app.worker import OpenSession, open_engine
from engine.config import PRESETS, ModelSet, models_in, starter_models

PERIOD = 16  # ms


class Clock(QObject):
    """Notes how many milliseconds late each tick is and how long each frame takes, by what is going on."""

    def __init__(self) -> None:
        super().__init__()
        self.late: dict[str, list[float]] = {}
        self.frames: dict[str, list[tuple[float, float]]] = {}
        self.phase = "resting"
        self._due = 0.0
        self._began: tuple[float, float] | None = None
        self._timer = QTimer(interval=PERIOD, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def watch(self, chat: Chat) -> None:
        """Time the frames of ``chat``: its timer begins one, and what is due after painting ends it."""
        timer = next(child for child in chat.children() if isinstance(child, QTimer))
        timer.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Begin a frame."""
        if event.type() == QEvent.Type.Timer and self._began is None:
            self._began = (time.perf_counter(), time.thread_time())
            QTimer.singleShot(0, self, lambda: QTimer.singleShot(0, self, self._end))  # layouts, then painting, first
        return False

    def _end(self) -> None:
        if self._began is not None:
            wall, work = time.perf_counter() - self._began[0], time.thread_time() - self._began[1]
            self.frames.setdefault(self.phase, []).append((1000 * wall, 1000 * work))
        self._began = None

    def _tick(self) -> None:
        now = 1000 * time.perf_counter()
        if self._due:
            self.late.setdefault(self.phase, []).append(max(now - self._due, 0.0))
        self._due = now + PERIOD

    def report(self) -> None:
        """Print three lines a phase."""
        for phase, late in self.late.items():
            frames = self.frames.get(phase, [])
            for name, values in (("late", late), ("frame", [f for f, _ in frames]), ("work", [w for _, w in frames])):
                print(f"{phase:10} {name:6}{_spread(values)}")


def _spread(values: list[float]) -> str:
    if not values:
        return "nothing"
    values = sorted(values)
    median, high = values[len(values) // 2], values[int(0.99 * (len(values) - 1))]
    return f"{len(values):6} times  median {median:6.2f}  p99 {high:6.2f}  worst {values[-1]:6.2f} ms"


def age() -> float:
    """Return the seconds since this process began, interpreter and imports included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - float(_stat()[21]) / os.sysconf("SC_CLK_TCK")


def _stat() -> list[str]:
    after = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2]
    return ["", "", *after.split()]


def answer(running: Application, clock: Clock, options: argparse.Namespace, loop: QEventLoop) -> None:
    """Have one question answered by the real engine, then rest."""
    chat = running.chat
    chat.tune(chat.sampling, options.tokens)
    chat.answering.connect(lambda: setattr(clock, "phase", "answering"))
    chat.answered.connect(lambda _: setattr(clock, "phase", "resting"))
    chat.answered.connect(lambda _: QTimer.singleShot(2000, loop.quit))


def play(running: Application, clock: Clock, options: argparse.Namespace, loop: QEventLoop) -> None:
    """Play into a reply that is filled already, then change views a few times."""
    chat = running.chat
    chat.answering.connect(lambda: setattr(clock, "phase", "filling"))

    def look() -> None:
        if clock.phase == "filling" and chat.tally.tokens >= options.played:
            clock.phase = "playing"
            QTimer.singleShot(1000 * options.seconds, chat.stop)

    def change() -> None:
        taken = [1000 * _painted(running.window.lens.switch.trigger, running) for _ in range(6)]
        print(f"changes of views of {chat.tally.tokens} tokens: {', '.join(f'{ms:.0f}' for ms in taken)} ms")
        loop.quit()

    chat.arrived.connect(look)
    chat.answered.connect(lambda _: setattr(clock, "phase", "resting"))
    chat.answered.connect(lambda _: QTimer.singleShot(1500, change))


def _painted(act: Callable[[], object], running: Application) -> float:
    """Return the seconds from ``act`` to the picture it leads to."""
    began = time.perf_counter()
    act()
    QApplication.sendPostedEvents()
    running.window.transcript.viewport().repaint()
    return time.perf_counter() - began


def measure(app: QApplication, options: argparse.Namespace, opener: OpenSession, models: ModelSet) -> None:
    """Run the window through loading, one answer and rest."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = QSettings(str(Path(scratch) / "settings.ini"), QSettings.Format.IniFormat)
        running = Application(app, opener, settings, [models], Path(scratch))
        chat = running.chat
        chat.preset = PRESETS[options.preset]
        running.window.lens.show_view(options.view)
        running.window.show()
        app.processEvents()
        print(f"on screen after {age():.2f} s, torch imported: {'torch' in sys.modules}")
        running.start(models)
        loop, clock = QEventLoop(), Clock()
        clock.phase = "loading"
        clock.watch(chat)
        chat.failed.connect(lambda failure: sys.exit(f"{failure.sentence} {failure.hint}"))
        (play if options.played else answer)(running, clock, options, loop)
        chat.engine_changed.connect(lambda: chat.engine is Engine.READY and chat.send("Tell me a long story."))
        loop.exec()
        clock.report()
        print(f"{chat.tally.tokens} tokens, {chat.tally.average or 0.0:.1f} tokens/s, {chat.tally.rounds} rounds")
        running.window.close()
        running.end()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--preset", default="hispec", choices=PRESETS)
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--view", default="reading", choices=("reading", "trace"))
    parser.add_argument("--played", type=int, metavar="TOKENS")
    parser.add_argument("--pace", type=float, default=1000, metavar="TOKENS/S")
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    models = models_in(options.model) if options.model else starter_models()
    opener = Played(options.played, options.pace).open if options.played else open_engine
    measure(QApplication(["updraft"]), options, opener, models)


if __name__ == "__main__":
    main()
