"""One file over HTTP, resumable at any byte by any later process, and verified before it gets its name.

The Hub's own client restarts a file when the process that began it is gone, and checks its size but not its
content; hence this one. A part file only ever grows by bytes the server sent for that place, so what is on disk
after a cut, a crash or a power failure is the beginning of the file, and the final hash decides.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from engine.library.faults import LibraryError
from engine.library.manifest import Digest, Entry, read_into
from engine.library.paths import is_commit
from engine.words import size as said

STRANGE = "Something else than Hugging Face answers (a sign-in page of this network?)"
LARGE = 16 << 20  # bytes of a file for which an answer has to say how long it is
ROOM_EVERY = 32 << 20  # bytes written between two looks at the disk's free space


class Transient(Exception):  # noqa: N818 - a state of the network, not a fault of ours
    """It may work the next time; ``wait`` is how many seconds the server asked to wait."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class RangeRefused(Transient):
    """416: the server's file ends before ours does, so the part file is not its beginning."""


class DamagedError(Exception):
    """All bytes came, but they are not the file; the part file is gone."""


class Answer(Protocol):
    """As much of an HTTP client's response as is needed here."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, found in any case."""

    def iter_raw(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Give the body as it arrives."""


Open = Callable[[int], AbstractContextManager[Answer]]
"""Asks for the file from that byte on; raises Transient or LibraryError for an answer that is not the file."""


class Room:
    """Watches that a disk keeps ``spare`` bytes free; ``free`` measures a folder's disk."""

    def __init__(self, folder: Path, spare: int, free: Callable[[Path], int]) -> None:
        self.folder, self.spare, self._free = folder, spare, free

    def check(self, needed: int) -> None:
        """Raise LibraryError (space) unless ``needed`` more bytes leave the spare ones free."""
        short = needed + self.spare - self._free(self.folder)
        if short > 0:
            raise no_space(self.folder, short, self.spare)


def no_space(folder: Path, short: int, spare: int = 0) -> LibraryError:
    """Return the error that says which disk is full, by how many bytes, and that ``spare`` are left to others."""
    lacking = f" for {said(short)} more" if short > 0 else ""
    kept = f"; Updraft leaves {said(spare)} free for everything else" if short > 0 and spare else ""
    named = folder.parents[2] if is_commit(folder.name) and len(folder.parts) > 3 else folder  # the library, not a hash
    return LibraryError(
        "space",
        f"The disk that holds {named} has no room{lacking}{kept}.",
        "Free some space or choose another folder; what has arrived is kept.",
    )


def fetch(entry: Entry, folder: Path, open_at: Open, tick: Callable[[int, bool], None], room: Room) -> str:
    """Bring ``entry`` into ``folder``, continuing its part file, and return its SHA-256.

    ``tick(have, checking)`` hears of every block. Raises Transient (the part file stays), DamagedError (it went)
    or LibraryError (it stays).
    """
    part, final = entry.part(folder), entry.final(folder)
    digest, have = Digest(entry), 0
    if part.exists() and part.stat().st_size > entry.size:
        part.unlink()
    if part.exists():
        for have in read_into(digest, part):
            tick(have, True)
    try:
        with part.open("ab", buffering=0) as file:
            if have < entry.size:
                have = _receive(entry, file.write, have, digest, open_at, tick, room)
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise no_space(room.folder, entry.size - part.stat().st_size) from error
        raise
    if have < entry.size:
        raise Transient("The connection was cut")
    if not digest.agrees:
        part.unlink()
        raise DamagedError(entry.path)
    part.replace(final)
    return digest.sha256


def _receive(
    entry: Entry,
    write: Callable[[bytes], int],
    have: int,
    digest: Digest,
    open_at: Open,
    tick: Callable[[int, bool], None],
    room: Room,
) -> int:
    unmeasured = 0
    with open_at(have) as answer:
        skip = _offset(answer, have, entry)
        for block in answer.iter_raw():
            fresh, skip = block[skip:], max(0, skip - len(block))
            if len(fresh) > entry.size - have:
                raise Transient("The server sent more than the file is long")
            for written in _whole(write, fresh):
                digest.update(written)
                have += len(written)
            tick(have, False)
            unmeasured += len(fresh)
            if unmeasured >= ROOM_EVERY:
                room.check(entry.size - have)
                unmeasured = 0
    return have


def _whole(write: Callable[[bytes], int], block: bytes) -> Iterator[bytes]:
    """Write all of ``block``; an unbuffered file may take it in pieces."""
    rest = memoryview(block)
    while rest:
        taken = write(rest)  # type: ignore[arg-type] # a raw file takes any buffer
        yield bytes(rest[:taken])
        rest = rest[taken:]


def _offset(answer: Answer, have: int, entry: Entry) -> int:
    """Return how many bytes of the body to drop: none, or all we have where the server ignores ranges."""
    size, kind = entry.size, answer.headers.get("Content-Type", "")
    if kind.lower().startswith("text/html") and not entry.path.lower().endswith((".html", ".htm")):
        raise Transient(STRANGE)
    if answer.status_code == 200:
        length = answer.headers.get("Content-Length", "")
        if not length and size > LARGE:
            raise Transient(STRANGE)  # a page would become the beginning of gigabytes that then do not hash
        if length.isdigit() and int(length) != size:
            raise Transient(f"The server offers {length} bytes where Hugging Face lists {size}")
        return have
    found = re.match(r"bytes (\d+)-\d+/(\d+|\*)$", answer.headers.get("Content-Range", ""))
    if answer.status_code != 206 or not found or int(found[1]) != have or found[2] not in {"*", str(size)}:
        raise Transient("The server answered another range than the one asked for")
    return 0
