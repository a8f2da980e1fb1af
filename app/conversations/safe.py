"""Opens the database file safely: sets a damaged one aside, migrates an older one after a backup. No Qt."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from app.conversations.rows import text_of
from app.conversations.schema import VERSION, create, migrate, require_all, version_of
from app.threads.failure import Failure
from engine.errors import UpdraftError

NAME = "conversations.sqlite3"
BESIDE = "conversations-saved.part"  # a folder for a new file, until it is complete


class StoreError(UpdraftError):
    """Conversations cannot be read or written just now; trying again later may succeed."""


class FolderGoneError(StoreError):
    """The data folder used before is missing; it is created again only on request."""


class DamagedError(StoreError):
    """The file is no database, or a broken one."""


def connect(folder: Path | None, notes: list[Failure], *, make: bool = True) -> sqlite3.Connection:
    """Open the file of ``folder``, or a database in memory where there is no folder; what was done to it is noted.

    ``make`` allows creating the folder. Raises FolderGoneError, DamagedError (the file is left alone) or StoreError.
    """
    if folder is None:
        return _ready(sqlite3.connect(":memory:", isolation_level=None), None, notes)
    if not folder.is_dir():
        if not make:
            raise FolderGoneError(
                f"The folder with your conversations is gone: {folder}",
                "If it is on a drive, connect it and try again. What you write meanwhile waits in memory.",
            )
        with told("The folder for conversations could not be made"):
            folder.mkdir(parents=True)
    with told("The conversations could not be opened"):
        connection = sqlite3.connect(folder / NAME, timeout=2, isolation_level=None)
    try:
        return _ready(connection, folder, notes)
    except BaseException as cause:
        connection.close()
        if isinstance(cause, StoreError) and not isinstance(cause, DamagedError) and not _writable(folder):
            raise StoreError(
                f"Your conversations can only be read: {folder} may not be written to.",
                _HINTS[sqlite3.SQLITE_READONLY],
            ) from cause
        raise


def connect_for_reading(folder: Path) -> sqlite3.Connection:
    """Return an in-memory copy of the file of ``folder``, for a disk that cannot be written: touches nothing on it.

    What the program had not yet moved out of the file beside it is read as well, from a copy. Raises StoreError.
    """
    file, memory = folder / NAME, sqlite3.connect(":memory:", isolation_level=None)
    if not file.is_file():  # one end of a pipe would never be opened
        raise StoreError("There are no conversations to read.", _HINTS[sqlite3.SQLITE_CANTOPEN])
    memory.text_factory = text_of
    with told("The conversations could not be opened", opening=True), tempfile.TemporaryDirectory() as aside:
        waiting = folder / f"{NAME}-wal"
        if waiting.exists() and waiting.stat().st_size:
            for name in (NAME, f"{NAME}-wal"):
                shutil.copy(folder / name, aside)
            address = f"{(Path(aside) / NAME).as_uri()}?mode=rw"
        else:
            address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.backup(memory)
        if not 0 < version_of(memory) <= VERSION:
            raise StoreError("The conversations could not be read.", _HINTS[sqlite3.SQLITE_READONLY])
        with transaction(memory):
            migrate(memory)
        require_all(memory)
    return memory


def set_aside(folder: Path) -> Path:
    """Rename the damaged file and what belongs to it; returns what it is called now."""
    stamp = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    endings = chain([""], map("-{}".format, count(2)))
    names = (folder / f"conversations-damaged-{stamp}{ending}.sqlite3" for ending in endings)
    kept = next(name for name in names if not name.exists())
    with told("The damaged conversations file could not be set aside"):
        for end in ("-wal", "-shm", ""):  # the file last: as long as it is there, it is tried again
            part = folder / f"{NAME}{end}"
            if part.exists():
                part.rename(f"{kept}{end}")
    return kept


def room_beside(folder: Path) -> Path:
    """Return an empty folder in ``folder`` for the file that is to replace a damaged one."""
    beside = folder / BESIDE
    with told("What can be read of the damaged file could not be saved"):
        if beside.exists():
            shutil.rmtree(beside)  # half of one: the disk refused the rest
        beside.mkdir()
    return beside


def take_up(folder: Path) -> None:
    """Move the new file into the damaged one's place, if that one was set aside; before, the new one may be half done.

    A program killed at any moment then repeats one step or the other.
    """
    file, new = folder / NAME, folder / BESIDE / NAME
    with told("The conversations could not be opened"):
        if new.exists() and not file.exists():
            new.rename(file)
        if new.parent.exists():
            shutil.rmtree(new.parent)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block as one transaction: all of it is written, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def told(what: str, *, opening: bool = False) -> Iterator[None]:
    """Turn disk errors within the block into a StoreError with a sentence and a hint.

    While ``opening``, what is not foreseen is damage: tables are missing, or are not those the file says it has.
    """
    try:
        yield
    except sqlite3.Error as cause:
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        lost = opening and code not in _HINTS and "no such module" not in str(cause)
        if lost or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DamagedError("The file with your conversations is damaged.", "It will be set aside.") from cause
        if code not in _HINTS:
            raise
        raise StoreError(f"{what}: {_REASONS.get(code, str(cause))}.", _HINTS[code]) from cause
    except UnicodeDecodeError as cause:  # SQLite's own message, which names what it found
        raise DamagedError("The file with your conversations is damaged.", "It will be set aside.") from cause
    except OSError as cause:
        raise StoreError(f"{what}: {cause.strerror or cause}.", _HINTS[sqlite3.SQLITE_CANTOPEN]) from cause


_WAITS = "Nothing is lost: it waits in memory and is saved as soon as that works."
_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk does not take any more",
    sqlite3.SQLITE_READONLY: "the file may only be read",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PERM: "the file may not be touched",
    sqlite3.SQLITE_BUSY: "another program holds the file",
    sqlite3.SQLITE_LOCKED: "another program holds the file",
    sqlite3.SQLITE_PROTOCOL: "another program holds the file",
}
_HINTS = {
    sqlite3.SQLITE_FULL: f"Free some space and try again. {_WAITS}",
    sqlite3.SQLITE_IOERR: f"Check the free space and the drive, then try again. {_WAITS}",
    sqlite3.SQLITE_READONLY: f"Make the data folder writable and try again. {_WAITS}",
    sqlite3.SQLITE_CANTOPEN: f"Check that the data folder is there and writable, then try again. {_WAITS}",
    sqlite3.SQLITE_PERM: f"Make the data folder writable and try again. {_WAITS}",
    sqlite3.SQLITE_BUSY: f"Close the other program and try again. {_WAITS}",
    sqlite3.SQLITE_LOCKED: f"Close the other program and try again. {_WAITS}",
    sqlite3.SQLITE_PROTOCOL: f"Close the other program and try again. {_WAITS}",
}


def _writable(folder: Path) -> bool:
    """Return whether the file and its neighbours can be written; SQLite does not always say."""
    file = folder / NAME
    return os.access(folder, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))


def _ready(connection: sqlite3.Connection, folder: Path | None, notes: list[Failure]) -> sqlite3.Connection:
    """Check the file, bring it to the newest version, and set how it is written."""
    connection.text_factory = text_of  # one byte that is no UTF-8 must not hide all the rest
    with told("The conversations could not be opened", opening=True):
        _check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # this thread may wait for the disk; the window does not
        connection.execute("PRAGMA foreign_keys = ON")
        version = version_of(connection)
        if version > VERSION:
            raise StoreError(
                "Your conversations were written by a newer Updraft.",
                "Install that version again to see them; nothing was changed in the file.",
            )
        if version < 0:
            raise DamagedError("The file with your conversations is damaged.", "It will be set aside.")
        if 0 < version < VERSION and folder is not None:
            notes.append(_back_up(connection, folder, version))
        with transaction(connection):
            if version == 0:
                create(connection)
            else:
                migrate(connection)
            require_all(connection)
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Raise DamagedError for a file that does not hold together; one that was closed in good order is trusted."""
    orderly = False
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchone():
        orderly = connection.execute("SELECT 1 FROM notes WHERE name = 'closed'").fetchone() is not None
    if not orderly and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise DamagedError("The file with your conversations is damaged.", "It will be set aside.")


def _back_up(connection: sqlite3.Connection, folder: Path, version: int) -> Failure:
    """Copy the file before it is changed."""
    stamp = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    kept = folder / f"conversations-version-{version}-{stamp}.sqlite3"
    growing = folder / "conversations-copy.part"  # half a copy must not bear the name of a whole one
    growing.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(growing)) as copy:
            connection.backup(copy)
        growing.replace(kept)
    except BaseException:
        growing.unlink(missing_ok=True)
        raise
    return Failure(
        "Your conversations were brought to this version of Updraft.",
        f"A copy of what they were before is kept as {kept.name} in the data folder.",
        remedies=("data folder",),
        calm=True,
    )
