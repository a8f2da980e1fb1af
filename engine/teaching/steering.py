"""How a process that teaches is steered from outside: it waits, goes on and leaves off between two steps."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable

import psutil

from engine.teaching.protocol import PAUSE, RESUME, STOP, Held, Said, Tell, Told, encode

BEHIND = 10  # how far behind other programs a processor's time is given to one that is steered


class Stopping(Exception):  # noqa: N818 - what was asked for, no fault
    """Work leaves off here, as it was asked to."""


class Steering:
    """Takes the words of the protocol; a course asks it between two steps. Without ``follow`` it never interferes.

    ``tell`` hears when work begins to wait, and when it goes on. ``time``: a steady clock's, in seconds.
    """

    def __init__(self, tell: Tell = lambda _told: None, time: Callable[[], float] = time.monotonic) -> None:
        self.tell, self._time = tell, time
        self._turn = threading.Condition()
        self._pauses = self._stops = False
        self._waited = 0.0

    def follow(self, commands: Iterable[bytes]) -> None:
        """Take ``commands``, a line each, until they end: who gave them is gone then, and work leaves off."""
        for line in commands:
            self.take(line.decode(errors="replace").strip())
        self.take(STOP)

    def take(self, word: str) -> None:
        """Do as ``word`` says; one that is not known changes nothing."""
        with self._turn:
            self._pauses = {PAUSE: True, RESUME: False}.get(word, self._pauses)
            self._stops = self._stops or word == STOP
            self._turn.notify_all()

    @property
    def wanted(self) -> bool:
        """Tell whether work is to wait or to leave off now."""
        return self._pauses or self._stops

    def held_up(self) -> bool:
        """Return as soon as work may go on: True where it is to leave off."""
        with self._turn:
            if self._pauses and not self._stops:
                began = self._time()
                self.tell(Held(waits=True))
                self._turn.wait_for(lambda: self._stops or not self._pauses)
                self._waited += self._time() - began
                self.tell(Held(waits=False))
            return self._stops

    def pass_by(self) -> None:
        """Return as soon as work may go on; raises Stopping where it is to leave off."""
        if self.held_up():
            raise Stopping

    def say(self, line: str) -> None:
        """Tell a step on the way, as soon as work may go on; raises Stopping where it is to leave off."""
        self.pass_by()
        self.tell(Said(line))

    def clock(self) -> float:
        """Return the seconds of a steady clock that stands still while work waits."""
        return self._time() - self._waited


def steered() -> Steering:
    """Return what is steered by the words on standard input, and tells on standard output, a line of JSON each.

    From here on other programs go first where the processor is short.
    """
    step_back()
    lock = threading.Lock()

    def tell(told: Told) -> None:
        with lock:
            try:
                sys.stdout.write(encode(told))
                sys.stdout.flush()
            except (OSError, ValueError):  # nobody listens any more, and the end of the input says so too
                return

    steering = Steering(tell)
    words = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - unbuffered: nothing waits for it at the end
    threading.Thread(target=steering.follow, args=(words,), name="steering", daemon=True).start()
    return steering


def step_back() -> None:
    """Let other programs go first."""
    own = psutil.Process()
    if sys.platform == "win32":
        own.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        own.nice(max(BEHIND, own.nice()))
