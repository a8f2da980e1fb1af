"""Does what the store is asked for, in order, on a thread of its own; what the disk refuses is tried again later."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal, Slot

from app.conversations.safe import DamagedError, FolderGoneError, StoreError, set_aside
from app.conversations.store import Store
from app.exchange import Failure, Remedy

log = logging.getLogger(__name__)

_LOG = "The log (Help menu) has the details."


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do on the store's thread; ``then`` hears the result on the window's. ``writes``: it must not be
    lost, so it waits in memory and is tried again where the disk refuses it. ``run`` None: only the order matters."""

    run: Callable[[Store], Any] | None
    then: Callable[[Any], None] | None
    writes: bool


class Clerk(QObject):
    """Does the jobs, in order, on its own thread; the only owner of the store. No slot lets an exception out."""

    done = Signal(object, object)  # Job, its result
    troubled = Signal(object)  # Failure: what is to be written waits
    mended = Signal()  # nothing waits any more
    noted = Signal(object)  # Failure: something to be told that needs nothing done
    replaced = Signal()  # a damaged file was set aside, the store is empty

    def __init__(self, folder: Path | None, *, make: bool) -> None:
        super().__init__()
        self._folder, self._make = folder, make
        self._store: Store | None = None
        self._waiting: deque[Job] = deque()
        self._in_trouble = False

    @property
    def waiting(self) -> int:
        """How many jobs could not be written; for the window only once the thread has ended."""
        return len(self._waiting)

    @Slot(object)
    def do(self, job: Job) -> None:
        """Do ``job``; one that writes stands behind those that wait."""
        if job.writes:
            self._waiting.append(job)
            self.flush()
            return
        try:
            self.done.emit(job, job.run(self._open()) if job.run else None)
        except StoreError as error:
            self._trouble(error)
        except BaseException:  # the thread's border: whatever else happens, the window is told
            log.exception("reading from the store failed")
            self.noted.emit(Failure("Something could not be read because of an unexpected fault.", _LOG, remedies=()))

    @Slot()
    def flush(self) -> None:
        """Do what waits, as far as the disk takes it."""
        while self._waiting:
            job = self._waiting[0]
            try:
                result = job.run(self._open()) if job.run else None
            except StoreError as error:
                self._trouble(error)
                return
            except BaseException:  # the thread's border; a job that cannot be done at all must not hold up the others
                log.exception("writing to the store failed")
                self.noted.emit(
                    Failure("Something could not be saved because of an unexpected fault.", _LOG, remedies=())
                )
                result = None
            self._waiting.popleft()
            self.done.emit(job, result)
        if self._in_trouble and self._store is not None:
            self._in_trouble = False
            self.mended.emit()

    @Slot()
    def make_folder(self) -> None:
        """Make the data folder anew, and do what waits."""
        self._make = True
        self.flush()

    @Slot()
    def leave(self) -> None:
        """Write what waits, close the store and end the thread."""
        self.flush()
        if self._store is not None:
            self._store.close()
            self._store = None
        QThread.currentThread().quit()

    def _open(self) -> Store:
        """Return the store, opened if need be; a damaged file is set aside first."""
        if self._store is None:
            try:
                self._store = Store(self._folder, make=self._make)
            except DamagedError:
                self._set_aside()
                self._store = Store(self._folder, make=self._make)
            self._make = False  # from now on a folder that is gone is a drive that is not connected
            for note in self._store.notes:
                self.noted.emit(note)
        return self._store

    def _trouble(self, error: StoreError) -> None:
        """Tell why something waits; after damage, begin a new file."""
        if isinstance(error, DamagedError) and self._store is not None:
            try:
                self._begin_anew(self._store)
                return
            except StoreError as worse:
                error = worse
        self._in_trouble = True
        log.warning("%s %s", error.sentence, error.hint)
        means: tuple[Remedy, ...] = ("save again", "data folder")
        if isinstance(error, FolderGoneError):
            means = ("save again", "make folder")
        self.troubled.emit(Failure(error.sentence, error.hint, remedies=means))

    def _begin_anew(self, damaged: Store) -> None:
        """Set a file aside that turned out to be damaged. What waited belongs to it and is answered undone."""
        damaged.abandon()
        self._store = None
        self._set_aside()
        self._open()
        self.replaced.emit()
        undone, self._waiting = self._waiting, deque()
        for job in undone:
            self.done.emit(job, None)

    def _set_aside(self) -> None:
        if self._folder is not None:
            self.noted.emit(set_aside(self._folder))
