"""Measures how smooth the window stays while the engine loads and while it answers.

python packaging/smoothness.py [--model FOLDER] [--preset hispec] [--tokens 400] [--view reading]
python packaging/smoothness.py --played 10000 [--pace 1000] [--seconds 5] [--view trace]
python packaging/smoothness.py --opening 20 [--view trace]

Four clocks, in milliseconds, as median, 99th percentile and worst. Late: how late a 16 ms timer on the window's
thread fires. Frame: from the moment events that have arrived are looked at until what they changed is on the screen.
Alone: a frame less what its thread waited for a processor that another thread or program had (Linux tells that).
Work: the processor time of a frame. The goals: p99 late under 8 ms while answering, stalls under 100 ms while loading,
on screen within a second; with --played, which plays a made-up reply at a steady pace behind one of so many tokens,
p99 of a frame under 16 ms. At the end of that, the time that changes of views take. With --opening, the time from the
wish for a conversation of so many long messages to its picture: under 50 ms.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from played import Played
from PySide6.QtCore import QEvent, QEventLoop, QObject, QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.__main__ import SWITCH
from app.application import Application
from app.conversations.conversation import ChatSettings, Conversation, Message, Reply
from app.talk.chat import Chat
from app.talk.flight import Flight
from app.talk.standing import Engine
from app.talk.worker import OpenSession, open_engine
from engine.config import PRESETS, ModelSet, models_in
from engine.events import Event, Round
from engine.library import starter_models

PERIOD = 16  # ms
LONG = 800  # tokens of a long answer
TIMES = 8  # a conversation is opened


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of this thread: by the clock, at work, and waiting for a processor that others had."""

    wall: float
    work: float
    waited: float

    @classmethod
    def so_far(cls) -> Spent:
        """Return what has been spent since some moment of the past."""
        try:
            waited = int(Path("/proc/thread-self/schedstat").read_text("ascii").split()[1]) / 1e6
        except OSError:
            waited = 0.0  # not told here
        return cls(1000 * time.perf_counter(), 1000 * time.thread_time(), waited)

    def __sub__(self, earlier: Spent) -> Spent:
        """Return what was spent since ``earlier``."""
        return Spent(self.wall - earlier.wall, self.work - earlier.work, self.waited - earlier.waited)

    @property
    def alone(self) -> float:
        """What it would have taken with a processor to itself."""
        return self.wall - self.waited


class Clock(QObject):
    """Notes how many milliseconds late each tick is and how long each frame takes, by what is going on."""

    def __init__(self) -> None:
        super().__init__()
        self.late: dict[str, list[float]] = {}
        self.frames: dict[str, list[Spent]] = {}
        self.phase = "resting"
        self._due = 0.0
        self._began: Spent | None = None
        self._timer = QTimer(interval=PERIOD, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def watch(self, chat: Chat) -> None:
        """Time the frames of ``chat``: its timer begins one, and what is due after painting ends it."""
        flight = chat.findChild(Flight)
        timer = next(child for child in flight.children() if isinstance(child, QTimer)) if flight else None
        if timer is not None:
            timer.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Begin a frame."""
        if event.type() == QEvent.Type.Timer and self._began is None:
            self._began = Spent.so_far()
            QTimer.singleShot(0, self, lambda: QTimer.singleShot(0, self, self._end))  # layouts, then painting, first
        return False

    def _end(self) -> None:
        if self._began is not None:
            self.frames.setdefault(self.phase, []).append(Spent.so_far() - self._began)
        self._began = None

    def _tick(self) -> None:
        now = 1000 * time.perf_counter()
        if self._due:
            self.late.setdefault(self.phase, []).append(max(now - self._due, 0.0))
        self._due = now + PERIOD

    def report(self) -> None:
        """Print what there is of four lines a phase."""
        for phase, late in self.late.items():
            frames = self.frames.get(phase, [])
            for name, values in (
                ("late", late),
                ("frame", [frame.wall for frame in frames]),
                ("alone", [frame.alone for frame in frames]),
                ("work", [frame.work for frame in frames]),
            ):
                if values:
                    print(f"{phase:10} {name:6}{_spread(values)}")


def _spread(values: list[float]) -> str:
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
    chat.current.set_chat_settings(ChatSettings(max_tokens=options.tokens))
    chat.answering.connect(lambda: setattr(clock, "phase", "answering"))
    chat.answered.connect(lambda _: setattr(clock, "phase", "resting"))
    chat.answered.connect(lambda _: QTimer.singleShot(2000, loop.quit))


def play(running: Application, clock: Clock, options: argparse.Namespace, loop: QEventLoop) -> None:
    """Play into a reply that is filled already, then change views a few times."""
    chat = running.chat
    chat.answering.connect(lambda: setattr(clock, "phase", "filling"))

    def look() -> None:
        if clock.phase == "filling" and chat.flight.tally.tokens >= options.played:
            clock.phase = "playing"
            QTimer.singleShot(1000 * options.seconds, chat.stop)

    def change() -> None:
        taken = [_painted(running.window.inspector.switch.trigger, running) for _ in range(6)]
        alone = ", ".join(f"{spent.alone:.0f}" for spent in taken)
        print(f"changes of views of {chat.flight.tally.tokens} tokens: {alone} ms alone")
        loop.quit()

    chat.flight.arrived.connect(look)
    chat.answered.connect(lambda _: setattr(clock, "phase", "resting"))
    chat.answered.connect(lambda _: QTimer.singleShot(1500, change))


def _painted(act: Callable[[], object], running: Application) -> Spent:
    """Return what is spent from ``act`` to the picture it leads to."""
    began = Spent.so_far()
    act()
    QApplication.sendPostedEvents()
    running.window.transcript.viewport().repaint()
    return Spent.so_far() - began


def open_long(running: Application, clock: Clock, options: argparse.Namespace, loop: QEventLoop) -> None:
    """Open a kept conversation of long messages a few times, an empty one between."""
    chat, long = running.chat, _long(options.opening)
    begun: list[Spent] = []
    taken: list[Spent] = []

    def show() -> None:
        clock.phase = "opening"
        begun.append(Spent.so_far())
        chat.open_chat(long.id)

    def shown() -> None:
        if chat.current.conversation.id == long.id and len(taken) < len(begun):
            running.window.transcript.viewport().repaint()
            taken.append(Spent.so_far() - begun[-1])
            QTimer.singleShot(1000, running.window, leave)

    def leave() -> None:
        clock.phase = "resting"
        chat.start_new()
        if len(taken) < TIMES:
            QTimer.singleShot(300, running.window, show)
            return
        for name in ("wall", "alone", "work"):
            print(f"opened     {name:6}{_spread([getattr(spent, name) for spent in taken])}")
        loop.quit()

    chat.current.turned.connect(shown)
    running.archive.write(lambda store: store.put_whole(long), lambda _: QTimer.singleShot(500, running.window, show))


def _long(count: int) -> Conversation:
    """Return a conversation of ``count`` messages, every second one a made-up answer with its log."""
    conversation = Conversation()
    for number in range(count):
        if number % 2:
            reply = Reply().after(_made_up(LONG)).ended("finished")
            conversation = conversation.plus(Message("assistant", reply.text, reply))
        else:
            conversation = conversation.plus(Message("user", "Why is the sky blue, and the evening red? " * 15))
    return conversation


def _made_up(tokens: int) -> Iterator[Event]:
    """Yield the log of an answer of about so many tokens."""
    told = Played(tokens, 1e9).reply((), preset=PRESETS["hispec"])
    while tokens > 0:
        event = next(told)
        tokens -= len(event.settled) if isinstance(event, Round) else 0
        yield event


def measure(app: QApplication, options: argparse.Namespace, opener: OpenSession, models: ModelSet) -> None:
    """Run the window through loading, one answer and rest."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = QSettings(str(Path(scratch) / "settings.ini"), QSettings.Format.IniFormat)
        running = Application(app, opener, settings, [models], Path(scratch))
        chat = running.chat
        chat.preset = PRESETS[options.preset]
        running.window.inspector.show_view(options.view)
        running.window.show()
        app.processEvents()
        print(f"on screen after {age():.2f} s, torch imported: {'torch' in sys.modules}")
        running.start(models)
        loop, clock = QEventLoop(), Clock()
        clock.phase = "loading"
        clock.watch(chat)
        chat.failed.connect(lambda failure: sys.exit(f"{failure.sentence} {failure.hint}"))
        (play if options.played else open_long if options.opening else answer)(running, clock, options, loop)
        if not options.opening:
            chat.engine_changed.connect(lambda: chat.engine is Engine.READY and chat.send("Tell me a long story."))
        loop.exec()
        clock.report()
        tally = chat.flight.tally
        print(f"{tally.tokens} tokens, {tally.average or 0.0:.1f} tokens/s, {tally.rounds} rounds")
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
    parser.add_argument("--opening", type=int, metavar="MESSAGES")
    parser.add_argument("--pace", type=float, default=1000, metavar="TOKENS/S")
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    models = models_in(options.model) if options.model else starter_models()
    made_up = options.played or options.opening
    opener = Played(options.played or 0, options.pace).open if made_up else open_engine
    measure(QApplication(["updraft"]), options, opener, models)


if __name__ == "__main__":
    main()
