"""The manifest: which files make up a checkpoint folder and what they hash to, so it can be verified offline."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.library.faults import LibraryError

NAME = "manifest.json"
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: ``size`` in bytes, and its SHA-256 or, for small files of the Hub, its git blob id (SHA-1)."""

    path: str
    size: int
    sha256: str | None = None
    blob: str | None = None

    @property
    def plain(self) -> bool:
        """True when ``path`` is the name of a file in its own folder, on every system."""
        return bool(self.path) and not set(self.path) & set("/\\:\0") and self.path not in {".", ".."}

    @property
    def weights(self) -> bool:
        """True for the files that make up the bulk, which are fetched last."""
        return self.path.endswith(".safetensors")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checkpoint as it should lie on disk; ``complete`` once every file was verified."""

    repository: str
    revision: str
    files: tuple[Entry, ...]
    licence: str = ""
    source: Literal["hub", "folder"] = "hub"
    complete: bool = False

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.files)

    def folder(self, library: Path) -> Path:
        """Return where this checkpoint belongs inside ``library``: owner, name, revision."""
        return library.joinpath(*self.repository.split("/"), self.revision)

    def with_digest(self, path: str, sha256: str) -> Manifest:
        """Return the manifest with the SHA-256 of one file filled in."""
        files = tuple(
            dataclasses.replace(entry, sha256=sha256) if entry.path == path else entry for entry in self.files
        )
        return dataclasses.replace(self, files=files)

    def save(self, library: Path) -> None:
        """Write the manifest into its folder; a crash leaves the old one or the new one, never half of one."""
        folder = self.folder(library)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / NAME, dataclasses.asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read a folder's manifest; raises LibraryError (damaged) where there is none that can be read."""
        try:
            value = json.loads((folder / NAME).read_text(encoding="utf-8"))
            value["files"] = tuple(Entry(**entry) for entry in value["files"])
            manifest = cls(**value)
            at_home = manifest.folder(folder.parents[2]).resolve() == folder.resolve()
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise LibraryError(
                "damaged", f"{folder} has no readable {NAME}.", "Remove the folder and download the model again."
            ) from error
        if not at_home or not all(entry.plain for entry in manifest.files):
            raise LibraryError("damaged", f"{folder} holds the {NAME} of another folder.", "Import the folder instead.")
        return manifest


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` as JSON in one step that survives a power cut."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


class Digest:
    """The running hash of a file, compared with its entry at the end."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._sha256 = hashlib.sha256()
        self._blob = None if entry.sha256 or not entry.blob else hashlib.sha1(usedforsecurity=False)
        if self._blob:
            self._blob.update(b"blob %d\0" % entry.size)  # how git hashes a file's content

    def update(self, block: bytes) -> None:
        """Take in the next bytes."""
        self._sha256.update(block)
        if self._blob:
            self._blob.update(block)

    @property
    def sha256(self) -> str:
        """The SHA-256 so far, in hexadecimal."""
        return self._sha256.hexdigest()

    @property
    def agrees(self) -> bool:
        """True when the bytes so far are the file the entry promises (any bytes, where it promises none)."""
        if self._blob:
            return self._blob.hexdigest() == self._entry.blob
        return self._entry.sha256 in {None, self.sha256}


def read_into(digest: Digest, path: Path) -> Iterator[int]:
    """Feed what is in ``path`` to ``digest``; yields how far it got, in bytes, after every block."""
    have = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            have += len(block)
            yield have


@dataclass(frozen=True, slots=True)
class Checked:
    """One file was verified: ``good`` says whether it is there and hashes right; bytes ``done`` of ``total``."""

    path: str
    good: bool
    done: int
    total: int


def verify(folder: Path) -> Iterator[Checked]:
    """Hash every file of a checkpoint folder against its manifest; no network. Raises LibraryError without one."""
    manifest = Manifest.load(folder)
    done = 0
    for entry in manifest.files:
        path = folder / entry.path
        good = path.is_file() and path.stat().st_size == entry.size
        if good:
            digest = Digest(entry)
            for _ in read_into(digest, path):
                pass
            good = digest.agrees
        done += entry.size
        yield Checked(entry.path, good, done, manifest.size)
