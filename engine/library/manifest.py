"""The manifest: which files make up a checkpoint folder and what they hash to, so it can be verified offline."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.config import Role
from engine.errors import CheckpointError
from engine.files import read_value, replace_file
from engine.library.faults import LibraryError
from engine.library.paths import inside, is_plain

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
    def sound(self) -> bool:
        """True when this is a file that can lie in its own folder, on every system."""
        hashes = isinstance(self.sha256, str | None) and isinstance(self.blob, str | None)
        return is_plain(self.path) and type(self.size) is int and self.size >= 0 and hashes

    def final(self, folder: Path) -> Path:
        """Return where the file lies in its checkpoint's ``folder``; raises LibraryError for a name that leads out."""
        return inside(folder, self.path)

    def part(self, folder: Path) -> Path:
        """Return where the file grows until it is verified."""
        return inside(folder, f"{self.path}.part")

    @property
    def weights(self) -> bool:
        """True for the files that make up the bulk, which are fetched last."""
        return self.path.endswith(".safetensors")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checkpoint as it should lie on disk; ``complete`` once every file was verified.

    ``title`` is what its owner calls it (empty: by its repository), ``former`` what it was called before, and
    ``alone`` is set where it was asked for by itself, not only as a level of a set. A drafter has the ``role`` as which
    it is read, and ``serves`` the models of these repositories.
    """

    repository: str
    revision: str
    files: tuple[Entry, ...]
    licence: str = ""
    source: Literal["hub", "folder"] = "hub"
    complete: bool = False
    title: str = ""
    former: tuple[str, ...] = ()
    alone: bool = False
    role: Role = ""
    serves: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.files)

    def folder(self, library: Path) -> Path:
        """Return where this checkpoint belongs inside ``library``: owner, name, revision; never outside of it."""
        return inside(library, *self.repository.split("/"), self.revision)

    def with_digest(self, path: str, sha256: str) -> Manifest:
        """Return the manifest with the SHA-256 of one file filled in."""
        files = tuple(
            dataclasses.replace(entry, sha256=sha256) if entry.path == path else entry for entry in self.files
        )
        return dataclasses.replace(self, files=files)

    def serving(self, role: Role, repository: str) -> Manifest:
        """Return the manifest as that of a drafter, which serves the model of ``repository`` too."""
        return dataclasses.replace(self, role=role, serves=tuple(dict.fromkeys((*self.serves, repository))))

    def save(self, library: Path) -> None:
        """Write the manifest into its folder; a crash leaves the old one or the new one, never half of one."""
        folder = self.folder(library)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / NAME, dataclasses.asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read a folder's manifest; raises LibraryError (damaged) where there is none that can be read."""
        try:
            manifest = _manifest(read_value(folder / NAME))
        except (CheckpointError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise LibraryError(
                "damaged", f"{folder} has no readable {NAME}.", "Remove the folder and download the model again."
            ) from error
        if not manifest.at_home_in(folder):
            raise LibraryError("damaged", f"{folder} holds the {NAME} of another folder.", "Import the folder instead.")
        return manifest

    def at_home_in(self, folder: Path) -> bool:
        """Return whether ``folder`` is where this checkpoint belongs, and its files can lie in it."""
        try:
            here = self.folder(folder.parents[2]).resolve() == folder.resolve()
        except (LibraryError, OSError, IndexError):
            return False
        return here and all(entry.sound for entry in self.files)


def _manifest(value: Any) -> Manifest:
    """Return the manifest in ``value``; what a later Updraft wrote besides is passed over. Raises as bad data does."""
    known = {field.name for field in dataclasses.fields(Manifest)} & value.keys()
    files = tuple(Entry(**entry) for entry in value["files"])
    lists = {name: tuple(value.get(name, ())) for name in ("former", "serves")}
    manifest = Manifest(**{**{name: value[name] for name in known}, "files": files, **lists})
    named = (manifest.repository, manifest.revision, manifest.licence, manifest.title, manifest.role)
    words = (*named, *manifest.former, *manifest.serves)
    flags = (manifest.complete, manifest.alone)
    if not all(isinstance(word, str) for word in words) or not all(isinstance(flag, bool) for flag in flags):
        raise TypeError(NAME)
    return manifest


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` as JSON in one step that survives a power cut."""
    replace_file(path, json.dumps(value, indent=1).encode(), lasting=True)


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
    """One file of ``repository`` was verified: ``good`` says whether it is there and hashes right.

    Bytes ``done`` of ``total``.
    """

    path: str
    good: bool
    done: int
    total: int
    repository: str = ""


def verify(folder: Path) -> Iterator[Checked]:
    """Hash every file of a checkpoint folder against its manifest; no network. Raises LibraryError without one."""
    manifest = Manifest.load(folder)
    done = 0
    for entry in manifest.files:
        path = entry.final(folder)
        good = path.is_file() and path.stat().st_size == entry.size
        if good:
            digest = Digest(entry)
            for _ in read_into(digest, path):
                pass
            good = digest.agrees
        done += entry.size
        yield Checked(entry.path, good, done, manifest.size, manifest.repository)
