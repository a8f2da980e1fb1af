"""Runs the store's jobs in order on a thread of its own; retries what the disk refuses."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal, Slot

from app.conversations.safe import NAME, DamagedError, FolderGoneError, StoreError, room_beside, set_aside, take_up
from app.conversations.salvage import Saved
from app.conversations.store import Store
from app.threads.failure import Failure, Remedy

log = logging.getLogger(__name__)

_LOG = "The log (Help menu) has the details."


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work for the store's thread; ``then`` is called with the result on the window's.

    ``writes``: it waits in memory and is retried where the disk refuses it. ``upkeep``: it would not be missed if it
    were never done. ``otherwise`` is called in place of ``then`` where reading fails. ``run`` None: only the order
    matters.
    """

    run: Callable[[Store], Any] | None
    then: Callable[[Any], None] | None
    writes: bool
    upkeep: bool = False
    otherwise: Callable[[], None] | None = None


class StoreThread(QObject):
    """Owns the store and runs its jobs in order; no slot lets an exception out."""

    done = Signal(object, object)  # Job, its result
    failed = Signal(object)  # Job that was to read
    troubled = Signal(object)  # Failure: what is to be written waits
    mended = Signal()  # nothing waits any more
    noted = Signal(object)  # Failure: something to be told that needs nothing done
    replaced = Signal()  # a damaged file was set aside; what could be read of it is in a new one

    def __init__(self, folder: Path | None, *, make: bool) -> None:
        super().__init__()
        self._folder, self._make = folder, make
        self._store: Store | None = None
        self._readable: Store | None = None  # in place of one that cannot be opened for writing
        self._waiting: deque[Job] = deque()
        self._of_old = 0  # jobs that wait since before a damaged file was replaced
        self._in_trouble = False

    @property
    def waiting(self) -> int:
        """Return how many jobs that matter could not be written; the window may ask only once the thread has ended."""
        return sum(not job.upkeep for job in self._waiting)

    @Slot(object)
    def do(self, job: Job) -> None:
        """Run ``job``, a writing one after those that wait."""
        if job.writes:
            self._waiting.append(job)
            self.flush()
            return
        try:
            self.done.emit(job, job.run(self._to_read()) if job.run else None)
            return
        except StoreError as error:
            self._trouble(error)
        except BaseException:  # the thread's border: whatever else happens, the window is told
            log.exception("reading from the store failed")
            self.noted.emit(Failure("Something could not be read because of an unexpected fault.", _LOG))
        self.failed.emit(job)

    @Slot()
    def flush(self) -> None:
        """Run the waiting jobs, as far as the disk accepts them."""
        while self._waiting:
            job = self._waiting[0]
            try:
                result = job.run(self._open()) if job.run else None
            except StoreError as error:
                if not (isinstance(error, DamagedError) and self._of_old):
                    self._trouble(error)
                    if self._of_old:
                        continue  # in the new file
                    return
                result = None  # a job must not bring down one file after the other
            except BaseException:  # the thread's border; a job that cannot be done at all must not hold up the others
                log.exception("writing to the store failed")
                self._give_up()
                result = None
            self._waiting.popleft()
            self._of_old = max(self._of_old - 1, 0)
            self.done.emit(job, result)
        if self._in_trouble and self._store is not None:
            self._in_trouble = False
            self.mended.emit()

    @Slot()
    def make_folder(self) -> None:
        """Create the data folder again, and run the waiting jobs."""
        self._make = True
        self.flush()

    @Slot(object)
    def settle(self, refused: SimpleQueue[int]) -> None:
        """Write what waits, and say how many jobs that matter the disk ``refused``."""
        self.flush()
        refused.put(self.waiting)

    @Slot(bool)
    def leave(self, anyway: bool) -> None:
        """Write what waits, close the store and end the thread; where something that matters is refused, ``anyway``."""
        self.flush()
        if self.waiting and not anyway:
            return
        if self._store is not None:
            self._store.close()
            self._store = None
        QThread.currentThread().quit()

    def _open(self) -> Store:
        """Return the store, opened if need be; a damaged file is set aside first. Raises StoreError alone."""
        if self._store is None:
            try:
                self._store = self._opened()
            except StoreError:
                raise
            except BaseException as fault:  # what waits must not be lost because nobody thought of this
                log.exception("opening the store failed")
                hint = f"What you write waits in memory and is saved as soon as that works. {_LOG}"
                raise StoreError("The conversations could not be opened: an unexpected fault.", hint) from fault
            self._readable = None
            self._make = False  # from now on a folder that is gone is a drive that is not connected
            for note in self._store.notes:
                self.noted.emit(note)
        return self._store

    def _opened(self) -> Store:
        try:
            if self._folder is not None:
                take_up(self._folder)
            return Store(self._folder, make=self._make)
        except DamagedError:
            return self._replace()

    def _to_read(self) -> Store:
        """Return the store, or a read-only copy where it cannot be opened for writing."""
        if self._readable is not None:
            return self._readable  # whether it can be written by now is tried when something is
        try:
            return self._open()
        except (DamagedError, FolderGoneError):
            raise
        except StoreError as error:
            with suppress(StoreError):
                self._readable = Store(self._folder, reading=True)
            if self._readable is None:
                raise
            self._trouble(error)
            return self._readable

    def _trouble(self, error: StoreError) -> None:
        """Report why something waits; after damage, continue with what can be read of the file."""
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
        """Replace a file that turned out to be damaged. What waits is tried once in the new one."""
        damaged.abandon()
        self._store = None
        self._store = self._replace()
        self._of_old = len(self._waiting)
        self.replaced.emit()

    def _replace(self) -> Store:
        """Return a new store with what can be read of the damaged file, which is set aside once that is saved."""
        if self._folder is None:
            return Store(None)
        saved = _salvage(self._folder)
        kept = set_aside(self._folder)
        take_up(self._folder)
        self.noted.emit(_replaced(kept.name, saved))
        return Store(self._folder, make=self._make)

    def _give_up(self) -> None:
        """Report that a job cannot be done at all; drop one for a replaced file silently."""
        if not self._of_old:
            sentence = "Something could not be saved because of an unexpected fault."
            self.noted.emit(Failure(sentence, _LOG))


def _salvage(folder: Path) -> Saved:
    """Save what can be read of the damaged file of ``folder`` into a new one beside it.

    Raises StoreError where the disk refuses: the damaged one stays where it is, and it is tried again.
    """
    store = Store(room_beside(folder))
    try:
        return store.take_in(folder / NAME)
    except DamagedError as error:
        log.warning("%s %s", error.sentence, error.hint)
    except StoreError:
        raise
    except Exception:  # nobody thought of this: rather a new file than none
        log.exception("reading the damaged file failed")
    finally:
        store.close()
    return Saved(0, 0)


def _replaced(kept: str, saved: Saved) -> Failure:
    """Say that a damaged file was replaced, and what is in the new one."""
    what = "so a new one was begun"
    if saved.messages:
        chats = "1 conversation" if saved.chats == 1 else f"{saved.chats:,} conversations"
        words = "1 message" if saved.messages == 1 else f"{saved.messages:,} messages"
        what = f"{chats} with {words} could be read and were saved into a new one"
    joint = ", " if not saved.messages else "; "
    return Failure(
        f"The file with your conversations is damaged{joint}{what}.",
        f"The damaged one is kept as {kept} in the data folder.",
        remedies=("data folder",),
    )
