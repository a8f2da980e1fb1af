"""Finds where a folder's checkpoint came from: the model's name on the Hub, its version, its files' hashes.

Three kinds are understood: a folder of another Updraft library, a snapshot in the Hub client's cache, and a folder
its download command wrote. What they say is used to check the bytes, offline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import CheckpointError
from engine.files import present, read_object
from engine.library.address import read_address
from engine.library.faults import LibraryError
from engine.library.manifest import NAME, Entry
from engine.library.paths import is_commit

IMPORTED = "imported"  # the revision of what came from a GGUF file, or from a folder that does not know its own
NOTE = 4096  # bytes: a commit, a hash and a time have a hundred
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # a git blob's id, or a SHA-256


@dataclass(frozen=True, slots=True)
class Provenance:
    """``repository`` and ``revision`` are empty where unknown; ``hashes`` holds what is promised, by file name."""

    repository: str = ""
    revision: str = ""
    licence: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)

    def entry(self, path: str, size: int) -> Entry:
        """Return the file's entry with the hash it has to have, if one is known."""
        known = self.hashes.get(path, "")
        return Entry(path, size, known if len(known) == 64 else None, known if len(known) == 40 else None)


def checkpoint_in(folder: Path) -> Path:
    """Return the folder with the files: ``folder``, or for a model's folder in the Hub client's cache, its newest."""
    commit = _text(folder / "refs" / "main").strip()
    newest = folder / "snapshots" / commit
    return newest if is_commit(commit) and newest.is_dir() else folder


def provenance(folder: Path) -> Provenance:
    """Return where ``folder`` says it came from; an empty Provenance if it says nothing usable."""
    return _of_library(folder) or _of_cache(folder) or _of_download(folder) or Provenance()


def _of_library(folder: Path) -> Provenance | None:
    try:
        value = read_object(folder / NAME)
        hashes = {file["path"]: file["sha256"] or file["blob"] or "" for file in value["files"]}
        repository = value["repository"] if value["revision"] != IMPORTED else ""
        return _checked(repository, value["revision"], value["licence"], hashes)
    except (CheckpointError, KeyError, TypeError):
        return None


def _of_cache(folder: Path) -> Provenance | None:
    """Read a snapshot: its files are links to blobs that are named by their hash."""
    home = folder.parent.parent
    if folder.parent.name != "snapshots" or not home.name.startswith("models--") or not folder.is_dir():
        return None
    hashes = {path.name: path.readlink().name for path in folder.iterdir() if path.is_symlink()}
    return _checked(home.name.removeprefix("models--").replace("--", "/", 1), folder.name, "", hashes)


def _of_download(folder: Path) -> Provenance | None:
    """Read what the download command left beside the files: per file a commit, a hash and a time, line by line."""
    hashes, suffix = {}, ".metadata"
    for path in (folder / ".cache" / "huggingface" / "download").glob(f"*{suffix}"):
        lines = _text(path).split("\n")
        if len(lines) > 1 and path.stat().st_mtime >= _changed(folder / path.name.removesuffix(suffix)):
            hashes[path.name.removesuffix(suffix)] = lines[1].strip()
    return _checked("", "", "", hashes) if hashes else None


def _text(path: Path) -> str:
    """Return what a small file says; nothing where it cannot be read, or is a pipe, or far too large for a note."""
    try:
        if present(path) and path.stat().st_size <= NOTE:
            return path.read_text(encoding="utf-8")
    except (CheckpointError, OSError, ValueError):
        pass
    return ""


def _changed(path: Path) -> float:
    """Return when a file was last written; one edited since its download has no hash to be held against."""
    return path.stat().st_mtime - 1 if path.is_file() else 0.0


def _checked(repository: str, revision: str, licence: str, hashes: Mapping[str, str]) -> Provenance:
    """Keep of what a folder says only what is well formed: it may come from anywhere."""
    known = {path: value for path, value in hashes.items() if isinstance(value, str) and _HASH.fullmatch(value)}
    try:
        named = read_address(repository) == (repository, None) and is_commit(revision)
    except (LibraryError, TypeError, AttributeError):
        named = False
    return Provenance(repository, revision, str(licence), known) if named else Provenance(hashes=known)
