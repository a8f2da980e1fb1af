"""Background tasks: work on a thread of its own, with the result delivered on the window's thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.threads.failure import Failure
from engine.errors import UpdraftError

log = logging.getLogger(__name__)

LEAVING = 5.0  # seconds a task has to end when the window closes


class Task(QObject):
    """Work on a thread of its own, which starts once the event loop runs again.

    ``finished`` carries the result, ``failed`` a Failure; a task that yields reports each step by ``stepped``, and
    its result is the tuple of them. Exactly one of finished, failed and stopped is the last, on the window's thread.
    """

    stepped = Signal(object)
    finished = Signal(object)
    failed = Signal(object)  # Failure
    stopped = Signal()
    over = Signal()
    _told = Signal(str, object)

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self.ended = False
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="task", daemon=True)
        self._told.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        QTimer.singleShot(0, self, self._thread.start)

    def stop(self) -> None:
        """End at the next step."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread, for ``seconds`` at most."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self._told.emit(*self._result())
        except RuntimeError:
            log.info("a task came back to a window that is gone")

    def _result(self) -> tuple[str, object]:
        try:
            result = self._work()
            if isinstance(result, Iterator):
                result = tuple(self._steps(result))
        except (UpdraftError, OSError) as error:
            return "failed", Failure.of(error)
        except BaseException:  # the thread's border: whatever else happens, the window is told
            log.exception("a task failed")
            return "failed", Failure("That failed because of an unexpected fault.", "The log has the details.")
        return ("stopped", None) if self._stop.is_set() else ("finished", result)

    def _steps(self, steps: Iterator[Any]) -> Iterator[Any]:
        for step in steps:
            self._told.emit("stepped", step)
            yield step
            if self._stop.is_set():
                return

    def _deliver(self, what: str, value: object) -> None:
        if what == "stepped":
            self.stepped.emit(value)
            return
        self._thread.join()  # it may still be inside the signal's emit, and this object may soon go
        self.ended = True
        if what == "stopped":
            self.stopped.emit()
        else:
            (self.finished if what == "finished" else self.failed).emit(value)
        self.over.emit()


class Tasks:
    """Begins tasks, and keeps each until it has ended: one that nobody holds would go with its thread running."""

    def __init__(self) -> None:
        self.under_way: tuple[Task, ...] = ()

    def begin(self, work: Callable[[], Any]) -> Task:
        """Return a new task that does ``work``."""
        task = Task(work)
        self.under_way = (task, *(each for each in self.under_way if not each.ended))
        return task

    def stop(self) -> None:
        """Let every task end at its next step."""
        for task in self.under_way:
            task.stop()

    def join(self) -> None:
        """Wait for them, for LEAVING each at most."""
        for task in self.under_way:
            task.join(LEAVING)
