"""Has a model taught in a process of its own, one course at a time, which waits while an answer is written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.models.teaching.order import Order
from app.models.teaching.progress import Progress
from engine.teaching.process import Teacher
from engine.teaching.protocol import Failed, Tell, Told

log = logging.getLogger(__name__)

SILENCE = 300_000  # ms without a word after which something may be wrong
STOPPING = 30_000  # ms it has to write its state and end
LEAVING = 2.0  # seconds that the end of the program waits for it; it ends by itself all the same


class TeacherLike(Protocol):
    """What is needed of the process."""

    def pause(self) -> None:
        """Have it wait."""

    def resume(self) -> None:
        """Have it go on."""

    def stop(self) -> None:
        """Have it write its state and end."""

    def leave(self) -> None:
        """Have it do so, and hear nothing more of it."""

    def kill(self) -> None:
        """End it now."""

    def join(self, seconds: float | None = None) -> None:
        """Wait until it has ended."""


StartTeacher = Callable[[Sequence[str], Tell, Callable[[str], None]], TeacherLike]


class Teaching(QObject):
    """The course under way, if any; ``progress`` is how it stands, also once it is over.

    ``changed``: there is news of it. ``over``: its process is gone.
    """

    changed = Signal()
    over = Signal(object)  # Progress
    _told = Signal(int, object)  # number of the course, what its process tells
    _gone = Signal(int, str)  # and what it complained of last

    def __init__(self, parent: QObject | None = None, start: StartTeacher = Teacher) -> None:
        super().__init__(parent)
        self.progress: Progress | None = None
        self._start, self._number = start, 0
        self._teacher: TeacherLike | None = None
        self._yields = False
        self._silence = QTimer(self, singleShot=True, interval=SILENCE)
        self._silence.timeout.connect(self._note_silence)
        self._patience = QTimer(self, singleShot=True)
        self._patience.timeout.connect(self._kill)
        self._told.connect(self._hear, Qt.ConnectionType.QueuedConnection)
        self._gone.connect(self._lose, Qt.ConnectionType.QueuedConnection)

    @property
    def under_way(self) -> bool:
        """True while there is a process."""
        return self._teacher is not None

    def begin(self, order: Order) -> None:
        """Begin the course, or go on with it; one that is under way is left alone."""
        if self._teacher is not None:
            return
        self._number += 1
        number = self._number
        self.progress = self._begun(order)
        try:
            self._teacher = self._start(order.words, partial(self._pass, number), partial(self._bury, number))
        except OSError as error:
            hint = f"{error.strerror or error}. Close other programs."
            failure = Failed("No process can be started to teach in.", hint)
            self._show(replace(self.progress, phase="failed", failure=failure))
            self.over.emit(self.progress)
            return
        self._steer()
        self._show(self.progress)

    def _begun(self, order: Order) -> Progress:
        """Return how the course of ``order`` stands at first: where it was left, if it is the one of before."""
        before, anew = self.progress, Progress(order, yields=self._yields)
        if before is None or before.order != order or before.phase not in {"stopped", "failed"}:
            return anew
        return replace(anew, done=before.done, tokens=before.tokens, looks=before.looks)

    def pause(self) -> None:
        """Have it wait until ``go_on``."""
        self._wait(paused=True)

    def go_on(self) -> None:
        """Have it go on."""
        self._wait(paused=False)

    def give_way(self, yields: bool) -> None:
        """Have it wait while an answer is written."""
        self._yields = yields
        self._wait(yields=yields)

    def stop(self, patience: int | None = None) -> None:
        """Have it write its state and end; what was learnt stays, and another course of the kind goes on from it.

        Killed after ``patience`` ms, None: STOPPING, it loses what it did since its state was written last.
        """
        if self._teacher is not None and self.progress is not None:
            self._teacher.stop()
            self._patience.start(STOPPING if patience is None else patience)
            self._show(replace(self.progress, phase="stopping"))

    def end(self) -> None:
        """Leave with the program: it writes its state and ends by itself."""
        if (teacher := self._dismissed()) is not None:
            teacher.leave()
            teacher.join(LEAVING)

    def drop(self) -> None:
        """End it at once: nothing more of what it knows is written."""
        if (teacher := self._dismissed()) is not None:
            teacher.kill()

    def _dismissed(self) -> TeacherLike | None:
        """Return the process, of which nothing more is heard."""
        teacher, self._teacher = self._teacher, None
        self._silence.stop()
        self._patience.stop()
        return teacher

    def _wait(self, *, paused: bool | None = None, yields: bool | None = None) -> None:
        """Have it wait for one reason or the other, or no longer; None: as before."""
        if self._teacher is None or self.progress is None:
            return
        before = self.progress
        paused, yields = (
            old if new is None else new for old, new in ((before.paused, paused), (before.yields, yields))
        )
        self.progress = replace(before, paused=paused, yields=yields)
        if (before.paused or before.yields) != (paused or yields):
            self._steer()
        self._show(self.progress)

    def _steer(self) -> None:
        if self._teacher is not None and self.progress is not None:
            if self.progress.paused or self.progress.yields:
                self._teacher.pause()
            else:
                self._teacher.resume()

    def _pass(self, number: int, told: Told) -> None:
        """Bring ``told`` to the window's thread, from that of the process."""
        with suppress(RuntimeError):  # the window is gone
            self._told.emit(number, told)

    def _bury(self, number: int, complaint: str) -> None:
        """Bring it there that the process is gone."""
        with suppress(RuntimeError):
            self._gone.emit(number, complaint)

    def _hear(self, number: int, told: Told) -> None:
        if number == self._number and self._teacher is not None and self.progress is not None:
            self._silence.start()
            self._show(replace(self.progress.after(told), silent=False))

    def _lose(self, number: int, complaint: str) -> None:
        if number != self._number or self._teacher is None or self.progress is None:
            return
        self._teacher.join()
        self._teacher = None
        self._silence.stop()
        self._patience.stop()
        if complaint:
            log.warning("teaching: %s", complaint)
        self._show(self.progress.lost(complaint))
        self.over.emit(self.progress)

    def _show(self, progress: Progress) -> None:
        self.progress = progress
        self.changed.emit()

    def _note_silence(self) -> None:
        if self.progress is not None and not self.progress.waits:
            self._show(replace(self.progress, silent=True))

    def _kill(self) -> None:
        if self._teacher is not None:
            self._teacher.kill()
