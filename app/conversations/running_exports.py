"""Runs exports: reads answers one at a time between saves, and writes on a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QObject, QThreadPool, Signal

from app.conversations.archive import Archive
from app.conversations.conversation import Conversation, Message
from app.conversations.export_file import ExportError, export, needs_log
from app.conversations.leftovers import Leftovers
from app.threads.failure import Failure
from app.threads.queued import connect_queued

log = logging.getLogger(__name__)

BRIEF = 100  # ms the thread has to come to rest


@dataclass(eq=False)
class _Export:
    path: Path
    wanted: Iterator[Message] = field(default_factory=lambda: iter(()))  # those whose logs are still on disk
    logs: dict[int, Message] = field(default_factory=dict)
    writing: bool = False  # all is there


class Exports(QObject):
    """Writes conversations of ``archive`` to files, one after the other.

    ``ended`` carries a Failure, or None on success; ``idle`` is emitted when nothing is left to do.
    """

    ended = Signal(object)
    idle = Signal()

    _written = Signal(object, object)  # _Export, Failure or None

    def __init__(self, archive: Archive, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._archive = archive
        self._leftovers = Leftovers(archive.folder)
        self._under_way: list[_Export] = []
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        connect_queued((self._written, self._end))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the files that are not complete yet."""
        return tuple(job.path.name for job in self._under_way)

    def at_work(self) -> bool:
        """Return whether the thread is busy, if only looking for leftovers."""
        return not self._pool.waitForDone(BRIEF)

    def sweep(self) -> None:
        """Remove files an earlier run left half-written."""
        self._pool.start(self._leftovers.sweep)

    def begin(self, chat: int, path: Path, conversation: Conversation | None = None) -> None:
        """Write the conversation ``chat`` to ``path``, as it is in memory where it is given, else as it is on disk."""
        job = _Export(path)
        self._under_way.append(job)
        if conversation is not None:
            self._gather(job, conversation)
        else:
            read, unread = (lambda found: self._read(job, found)), (lambda: self._unread(job))
            self._archive.ask(lambda store: store.read(chat), read, unread)

    def give_up(self) -> None:
        """Drop the exports that are not being written yet."""
        self._under_way = [job for job in self._under_way if job.writing]

    def _read(self, job: _Export, found: tuple[Conversation, str] | None) -> None:
        if found is not None:
            self._gather(job, found[0])
        else:
            sentence = f"{job.path.name} was not written: the chat is not there any more."
            self._end(job, Failure(sentence, "If it was deleted meanwhile, it is in the trash."))

    def _unread(self, job: _Export) -> None:
        sentence = f"{job.path.name} was not written: the chat could not be read."
        self._end(job, Failure(sentence, "Check the drive the data folder is on, and export it again."))

    def _gather(self, job: _Export, talk: Conversation) -> None:
        unread = (message for message in talk.tree if not message.recalled)
        job.wanted = iter([message for message in unread if needs_log(job.path, message)])
        self._recall(job, talk)

    def _recall(self, job: _Export, talk: Conversation) -> None:
        """Ask for the next log; write once all have arrived."""
        if job not in self._under_way:
            return
        message = next(job.wanted, None)
        if message is not None:
            take, unread = (lambda found: self._take(job, talk, found)), (lambda: self._unread(job))
            self._archive.ask(lambda store: store.recall(message), take, unread)
            return
        job.writing = True
        self._pool.start(lambda: self._written.emit(job, self._write(job, talk)))

    def _take(self, job: _Export, talk: Conversation, message: Message) -> None:
        job.logs[message.id] = message
        self._recall(job, talk)

    def _write(self, job: _Export, talk: Conversation) -> Failure | None:
        """Export on the export thread; return the failure, if any."""
        try:
            export(replace(talk, tree=tuple(job.logs.get(m.id, m) for m in talk.tree)), job.path, self._leftovers)
        except ExportError as error:
            return Failure.of(error)
        except BaseException:  # the thread's border
            log.exception("exporting failed")
            hint = "The log (Help menu) has the details."
            return Failure(f"{job.path.name} could not be written because of an unexpected fault.", hint)
        return None

    def _end(self, job: _Export, failure: Failure | None) -> None:
        if job not in self._under_way:
            return
        self._under_way.remove(job)
        self.ended.emit(failure)
        if not self._under_way:
            self.idle.emit()
