"""A database file that is opened with care: a damaged one is set aside, an older one migrated after a backup. No Qt."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from app.conversations.schema import VERSION, create, migrate, version_of
from app.exchange import Failure
from engine.errors import UpdraftError

NAME = "conversations.sqlite3"


class StoreError(UpdraftError):
    """Conversations cannot be read or written just now; trying again later may succeed."""


class FolderGoneError(StoreError):
    """The data folder that was used before is not there; it is not made anew without being asked for."""


class DamagedError(StoreError):
    """The file is no database, or a broken one."""


def connect(folder: Path | None, notes: list[Failure], *, make: bool = True) -> sqlite3.Connection:
    """Open the file of ``folder``, or a database in memory where there is no folder; what was done to it is noted.

    ``make``: the folder may be made. Raises FolderGoneError, DamagedError (the file is left alone) or StoreError.
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
    except BaseException:
        connection.close()
        raise


def set_aside(folder: Path) -> Failure:
    """Rename the damaged file and what belongs to it; returns what to tell."""
    stamp = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    kept = folder / f"conversations-damaged-{stamp}.sqlite3"
    with told("The damaged conversations file could not be set aside"):
        for end in ("", "-wal", "-shm"):
            part = folder / f"{NAME}{end}"
            if part.exists():
                part.rename(f"{kept}{end}")
    return Failure(
        "The file with your conversations is damaged, so a new one was begun.",
        f"The damaged one is kept as {kept.name} in the data folder.",
        remedies=("data folder",),
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of what is inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what a disk can do wrong into a sentence and a hint."""
    try:
        yield
    except sqlite3.Error as cause:
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DamagedError("The file with your conversations is damaged.", "It will be set aside.") from cause
        if code not in _HINTS:
            raise
        raise StoreError(f"{what}: {_REASONS.get(code, str(cause))}.", _HINTS[code]) from cause
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
}
_HINTS = {
    sqlite3.SQLITE_FULL: f"Free some space and try again. {_WAITS}",
    sqlite3.SQLITE_IOERR: f"Check the free space and the drive, then try again. {_WAITS}",
    sqlite3.SQLITE_READONLY: f"Make the data folder writable and try again. {_WAITS}",
    sqlite3.SQLITE_CANTOPEN: f"Check that the data folder is there and writable, then try again. {_WAITS}",
    sqlite3.SQLITE_PERM: f"Make the data folder writable and try again. {_WAITS}",
    sqlite3.SQLITE_BUSY: f"Close the other program and try again. {_WAITS}",
    sqlite3.SQLITE_LOCKED: f"Close the other program and try again. {_WAITS}",
}


def _ready(connection: sqlite3.Connection, folder: Path | None, notes: list[Failure]) -> sqlite3.Connection:
    """Check the file, bring it to the newest version, and set how it is written."""
    with told("The conversations could not be opened"):
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
        if 0 < version < VERSION and folder is not None:
            notes.append(_back_up(connection, folder, version))
        with transaction(connection):
            if version == 0:
                create(connection)
            else:
                migrate(connection)
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
    try:
        with closing(sqlite3.connect(kept)) as copy:
            connection.backup(copy)
    except BaseException:
        kept.unlink(missing_ok=True)  # half a copy is none
        raise
    return Failure(
        "Your conversations were brought to this version of Updraft.",
        f"A copy of what they were before is kept as {kept.name} in the data folder.",
        remedies=("data folder",),
    )
