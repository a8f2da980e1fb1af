"""Gives the window its conversations: their list in memory, everything else on the store's own thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from time import time
from typing import TypeVar

from PySide6.QtCore import QObject, QThread, QTimer, Signal
from shiboken6 import isValid

from app.conversations.conversation import ChatSettings, Conversation, whole
from app.conversations.store import Store
from app.conversations.store_thread import Job, StoreThread
from app.conversations.summaries import UNTITLED, Hit, Summary
from app.conversations.trash import Thrown
from app.threads.failure import Failure
from app.threads.queued import connect_queued

T = TypeVar("T")

RETRY = 10_000  # ms between attempts while something cannot be saved
PATIENCE = 10_000  # ms the store has to write the last things when the window closes


class Archive(QObject):
    """Lists and changes the conversations kept in ``folder`` (None: in memory); ``make`` allows creating it.

    ``chats`` is the list, by id. Changes show at once and are written as soon as the disk accepts them.
    """

    listed = Signal()  # the list has been read for the first time
    changed = Signal()  # the list is another
    troubled = Signal(object)  # Failure
    mended = Signal()
    noted = Signal(object)  # Failure
    replaced = Signal()
    left = Signal()  # all is written that could be, and the file is closed

    _job = Signal(object)
    _flush_wanted = Signal()
    _folder_wanted = Signal()
    _settle_wanted = Signal(object)
    _leave_wanted = Signal(bool)

    def __init__(self, folder: Path | None = None, *, make: bool = True, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self.chats: dict[int, Summary] = {}
        self.ready = False
        self._in_trouble = self._leaving = False
        self._owed = 0  # things that were given to be written and are not yet
        self._thread = QThread()
        self._thread.setObjectName("store")
        self._store_thread = StoreThread(folder, make=make)
        self._store_thread.moveToThread(self._thread)
        self._again = QTimer(self, interval=RETRY)
        self._again.timeout.connect(self.save_again)
        self._connect()

    def _connect(self) -> None:
        on_store_thread = self._store_thread
        connect_queued(
            (self._job, on_store_thread.do),
            (self._flush_wanted, on_store_thread.flush),
            (self._folder_wanted, on_store_thread.make_folder),
            (self._settle_wanted, on_store_thread.settle),
            (self._leave_wanted, on_store_thread.leave),
            (on_store_thread.done, self._done),
            (on_store_thread.failed, self._failed),
            (on_store_thread.troubled, self._troubled),
            (on_store_thread.mended, self._mended),
            (on_store_thread.noted, self.noted),
            (on_store_thread.replaced, self._replaced),
            (self._thread.finished, self.left),
        )

    # Jobs

    def ask(
        self, run: Callable[[Store], T], then: Callable[[T], None], otherwise: Callable[[], None] | None = None
    ) -> None:
        """Read something on the store's thread; on failure emit ``troubled`` and call ``otherwise``, not ``then``."""
        self._job.emit(Job(run, then, writes=False, otherwise=otherwise))

    def write(
        self, run: Callable[[Store], T], then: Callable[[T], None] | None = None, *, upkeep: bool = False
    ) -> None:
        """Write something, retrying until the disk accepts it; call ``then`` when it is done.

        ``upkeep`` marks work that would not be missed and does not count as unsaved.
        """
        self._owed += not upkeep
        self._job.emit(Job(run, then, writes=True, upkeep=upkeep))

    @property
    def unsaved(self) -> bool:
        """Return whether something a person wrote still waits because the disk refuses it."""
        return self._in_trouble and self._owed > 0

    def after(self, then: Callable[[], None]) -> None:
        """Call ``then`` once every earlier request is done, or waits because the disk refuses it."""
        self._job.emit(Job(None, lambda _: then(), writes=False))

    def load(self) -> None:
        """Start the thread: read the list, and erase for good what was deleted long ago."""
        if not self._thread.isRunning():
            self._thread.start()
        self.ask(lambda store: store.chats(), self._begin)
        self.write(lambda store: store.trash.tidy(), upkeep=True)

    def save_again(self) -> None:
        """Try again to write what waits."""
        self._flush_wanted.emit()

    def make_folder(self) -> None:
        """Create the missing data folder again."""
        self._folder_wanted.emit()

    def settle(self, patience: int) -> bool:
        """Wait at most ``patience`` ms until everything is written; return False if the disk refuses some of it."""
        if not self.running:
            return not self.unsaved
        refused: SimpleQueue[int] = SimpleQueue()
        self._settle_wanted.emit(refused)
        with suppress(Empty):
            return not refused.get(timeout=patience / 1000)
        return True  # as far as is known

    @property
    def running(self) -> bool:
        """Return whether the thread runs: until all is written and the file is closed."""
        return self._thread.isRunning()

    def leave(self, *, anyway: bool = False) -> None:
        """Write what waits, close the file and end the thread; ``left`` follows.

        Where the disk refuses something, emit ``troubled`` and keep the thread, unless it must end ``anyway``.
        """
        self._leaving = True
        if self.running:
            self._leave_wanted.emit(anyway)

    def end(self, patience: int = PATIENCE) -> bool:
        """End the thread whatever the disk refuses, and wait; return False if something was not written in time."""
        self._again.stop()
        if not self.running:
            return not self.unsaved
        self.leave(anyway=True)
        return self._thread.wait(patience) and not self._store_thread.waiting

    # The list

    def touch(self, conversation: Conversation) -> None:
        """Move ``conversation``, which may be new, to the top of the list as just used."""
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
        """Pin a conversation to the top of the list, or unpin it."""
        self._put(replace(self.chats[chat], pinned=pinned))
        self.write(lambda store: store.pin(chat, pinned=pinned))

    def delete(self, chat: int) -> Summary:
        """Move a conversation to the trash; return what ``restore`` needs to bring it back."""
        gone = self.chats.pop(chat)
        self.write(lambda store: store.trash.take_chat(chat))
        self.changed.emit()
        return gone

    def restore(self, chat: Summary) -> None:
        """Bring a deleted conversation back."""
        self._put(chat)
        self.write(lambda store: store.trash.give_chat(chat.id))

    # The trash

    def trash(self, then: Callable[[tuple[Thrown, ...]], None]) -> None:
        """Read what is in the trash, the newest first."""
        self.ask(lambda store: store.trash.items(), then)

    def bring_back(self, item: Thrown, then: Callable[[], None]) -> None:
        """Take ``item`` out of the trash and call ``then`` once it is back in its place."""

        def give(store: Store) -> tuple[Summary, ...]:
            if item.messages:
                store.trash.give_messages(item.messages)
            else:
                store.trash.give_chat(item.chat)
            return store.chats()

        self.write(give, lambda chats: self._brought(chats, then))

    def erase(self, items: Sequence[Thrown]) -> None:
        """Erase ``items``, which are in the trash, for good."""
        self.write(lambda store: store.trash.erase(items))

    def _brought(self, chats: tuple[Summary, ...] | None, then: Callable[[], None]) -> None:
        if chats is not None:  # else the file was found to be damaged
            self._list(chats)
            then()

    def search(self, text: str, then: Callable[[tuple[Hit, ...]], None]) -> None:
        """Find conversations by title and content."""
        self.ask(lambda store: store.search(text), then)

    # Chat settings kept under a name

    def named_settings(self, then: Callable[[dict[str, ChatSettings]], None]) -> None:
        """Read the chat settings that were given a name."""
        self.ask(lambda store: store.named_settings(), then)

    def keep_named_settings(self, name: str, chat_settings: ChatSettings | None) -> None:
        """Save ``chat_settings`` under ``name``, replacing any other of that name; None deletes it."""
        self.write(lambda store: store.put_named_settings(name, chat_settings))

    def _put(self, chat: Summary) -> None:
        self.chats[chat.id] = chat
        self.changed.emit()

    def _begin(self, chats: tuple[Summary, ...]) -> None:
        self.ready = True
        self._list(chats)
        self.listed.emit()

    def _list(self, chats: tuple[Summary, ...]) -> None:
        """Add ``chats``, as read from disk, to the list; entries already in it are newer and stay."""
        self.chats = {chat.id: chat for chat in chats} | self.chats
        self.changed.emit()

    def _done(self, job: Job, result: object) -> None:
        self._owed -= job.writes and not job.upkeep
        asker = getattr(job.then, "__self__", None)
        if job.then is not None and (not isinstance(asker, QObject) or isValid(asker)):
            job.then(result)  # unless who asked was closed meanwhile

    def _failed(self, job: Job) -> None:
        if job.otherwise is not None:
            job.otherwise()

    def _troubled(self, failure: Failure) -> None:
        self._in_trouble = True
        self._again.start()
        self.troubled.emit(failure)

    def _mended(self) -> None:
        self._in_trouble = False
        self._again.stop()
        if not (self.ready or self._leaving):
            self.load()
        self.mended.emit()

    def _replaced(self) -> None:
        self.chats.clear()
        self.changed.emit()
        self.ask(lambda store: store.chats(), self._list)
        self.replaced.emit()
