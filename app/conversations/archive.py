"""The conversations kept: their list in memory, everything else on the store's own thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import time
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from app.conversations.conversation import Conversation, Manner, whole
from app.conversations.safe import DamagedError, FolderGoneError, StoreError, set_aside
from app.conversations.shelf import UNTITLED, Hit, Summary
from app.conversations.store import TRASH, Store
from app.exchange import Failure, Remedy

log = logging.getLogger(__name__)
T = TypeVar("T")

_LOG = "The log (Help menu) has the details."
RETRY = 10_000  # ms between attempts while something cannot be saved
PATIENCE = 10_000  # ms the store has to write the last things when the window closes


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
        except Exception:  # the thread's border: whatever else happens, the window is told
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
            except Exception:  # the thread's border; a job that cannot be done at all must not hold up the others
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


class Archive(QObject):
    """The conversations as the window knows them. ``folder`` None keeps them in memory; ``make``: it may be made.

    ``chats`` is the list, by id. What is changed here shows at once and is written as soon as the disk takes it.
    """

    listed = Signal()  # the list has been read for the first time
    changed = Signal()  # the list is another
    troubled = Signal(object)  # Failure
    mended = Signal()
    noted = Signal(object)  # Failure
    replaced = Signal()

    _job = Signal(object)
    _flush_wanted = Signal()
    _folder_wanted = Signal()
    _leave_wanted = Signal()

    def __init__(self, folder: Path | None = None, *, make: bool = True, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self.chats: dict[int, Summary] = {}
        self.ready = False
        self.unsaved = False
        self._thread = QThread()
        self._thread.setObjectName("store")
        self._clerk = Clerk(folder, make=make)
        self._clerk.moveToThread(self._thread)
        self._again = QTimer(self, interval=RETRY)
        self._again.timeout.connect(self.save_again)
        self._connect()

    def _connect(self) -> None:
        queued, clerk = Qt.ConnectionType.QueuedConnection, self._clerk
        self._job.connect(clerk.do, queued)
        self._flush_wanted.connect(clerk.flush, queued)
        self._folder_wanted.connect(clerk.make_folder, queued)
        self._leave_wanted.connect(clerk.leave, queued)
        clerk.done.connect(self._done, queued)
        clerk.troubled.connect(self._troubled, queued)
        clerk.mended.connect(self._mended, queued)
        clerk.noted.connect(self.noted, queued)
        clerk.replaced.connect(self._replaced, queued)

    # Jobs

    def ask(self, run: Callable[[Store], T], then: Callable[[T], None]) -> None:
        """Read something; ``then`` is not called if that fails."""
        self._job.emit(Job(run, then, writes=False))

    def write(self, run: Callable[[Store], object], then: Callable[[object], None] | None = None) -> None:
        """Write something, now or as soon as the disk takes it; ``then`` is called when that is done."""
        self._job.emit(Job(run, then, writes=True))

    def after(self, then: Callable[[], None]) -> None:
        """Call ``then`` once everything asked for before has been done, or waits because the disk refuses it."""
        self._job.emit(Job(None, lambda _: then(), writes=False))

    def load(self) -> None:
        """Begin: read the list, and erase for good what was deleted long ago."""
        if not self._thread.isRunning():
            self._thread.start()
        self.ask(lambda store: store.chats(), self._list)
        self.write(lambda store: store.purge(time() - TRASH))

    def save_again(self) -> None:
        """Try to write what waits."""
        self._flush_wanted.emit()

    def make_folder(self) -> None:
        """Make the data folder that is gone anew."""
        self._folder_wanted.emit()

    def end(self) -> bool:
        """Write what waits, close the file and end the thread; False if something could not be written."""
        self._again.stop()
        if self._thread.isRunning():
            self._leave_wanted.emit()
            return self._thread.wait(PATIENCE) and not self._clerk.waiting
        return not self.unsaved

    # The list

    def touch(self, conversation: Conversation) -> None:
        """Show ``conversation`` as used just now; it may be new."""
        known = self.chats.get(conversation.id)
        title = conversation.title or UNTITLED
        self._put(Summary(conversation.id, title, time(), known.pinned if known else False))

    def rename(self, chat: int, title: str) -> None:
        """Give a conversation a title by hand; an empty one is refused."""
        title = " ".join(whole(title).split())
        if not title or title == self.chats[chat].title:
            return
        self._put(replace(self.chats[chat], title=title))
        self.write(lambda store: store.rename(chat, title))

    def pin(self, chat: int, *, pinned: bool) -> None:
        """Keep a conversation on top, or no longer."""
        self._put(replace(self.chats[chat], pinned=pinned))
        self.write(lambda store: store.pin(chat, pinned=pinned))

    def delete(self, chat: int) -> Summary:
        """Take a conversation away; returns what ``restore`` needs to bring it back."""
        gone = self.chats.pop(chat)
        self.write(lambda store: store.delete(chat, deleted=True))
        self.changed.emit()
        return gone

    def restore(self, chat: Summary) -> None:
        """Bring a deleted conversation back."""
        self._put(chat)
        self.write(lambda store: store.delete(chat.id, deleted=False))

    def search(self, text: str, then: Callable[[tuple[Hit, ...]], None]) -> None:
        """Find conversations by title and content."""
        self.ask(lambda store: store.search(text), then)

    # Manners kept under a name

    def manners(self, then: Callable[[dict[str, Manner]], None]) -> None:
        """Read the named manners."""
        self.ask(lambda store: store.manners(), then)

    def keep_manner(self, name: str, manner: Manner | None) -> None:
        """Keep ``manner`` under ``name``, in place of what had that name; None forgets it."""
        self.write(lambda store: store.put_manner(name, manner))

    def _put(self, chat: Summary) -> None:
        self.chats[chat.id] = chat
        self.changed.emit()

    def _list(self, chats: tuple[Summary, ...]) -> None:
        self.chats = {chat.id: chat for chat in chats} | self.chats
        self.ready = True
        self.listed.emit()
        self.changed.emit()

    def _done(self, job: Job, result: object) -> None:
        if job.then is not None:
            job.then(result)

    def _troubled(self, failure: Failure) -> None:
        self.unsaved = True
        self._again.start()
        self.troubled.emit(failure)

    def _mended(self) -> None:
        self.unsaved = False
        self._again.stop()
        if not self.ready:
            self.load()
        self.mended.emit()

    def _replaced(self) -> None:
        self.chats.clear()
        self.replaced.emit()
        self.changed.emit()
