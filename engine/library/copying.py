"""Copying a checkpoint from one folder to another, hashed on the way, one file at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.library.faults import LibraryError
from engine.library.fetch import no_space
from engine.library.manifest import BLOCK, Digest, Entry, Manifest, take_in


@dataclass(frozen=True, slots=True)
class Step:
    """A long copy has got this far: ``done`` of ``total`` bytes, ``path`` being the file at hand."""

    path: str
    done: int
    total: int


def copy(manifest: Manifest, source: Path, library: Path, link: bool) -> Iterator[Step]:
    """Bring ``manifest``'s files from ``source`` into ``library`` and complete it there.

    ``link`` prefers hard links, so that the disk holds one copy. Files that are there already are only hashed.
    Raises LibraryError (damaged, space) or OSError; what is there is then kept.
    """
    folder = manifest.folder(library)
    folder.mkdir(parents=True, exist_ok=True)
    done = 0
    for entry in manifest.files:
        final = folder / entry.path
        digest = _digest(entry, final)
        if digest is None:
            if not (link and _linked(source / entry.path, final)):
                _copied(source / entry.path, final)
            digest = _digest(entry, final)
        if digest is None:
            raise LibraryError("damaged", f"{source / entry.path} is damaged.", "Fetch the model again.")
        manifest = manifest.with_digest(entry.path, digest)
        done += entry.size
        yield Step(entry.path, done, manifest.size)
    replace(manifest, complete=True).save(library)


def _digest(entry: Entry, path: Path) -> str | None:
    """Return the SHA-256 of ``path``, or None and no file where it is not what ``entry`` promises."""
    if not path.exists():
        return None
    digest = Digest(entry)
    take_in(digest, path, lambda _: None)
    if digest.agrees:
        return digest.sha256
    path.unlink()
    return None


def _linked(source: Path, final: Path) -> bool:
    try:
        os.link(source.resolve(), final)
    except OSError:
        return False  # another disk, or a file system without hard links
    return True


def _copied(source: Path, final: Path) -> None:
    short = source.stat().st_size - shutil.disk_usage(final.parent).free
    if short > 0:
        raise no_space(final.parent, short)
    part = final.with_name(final.name + ".part")
    with source.open("rb") as there, part.open("wb") as here:
        shutil.copyfileobj(there, here, BLOCK)
        here.flush()
        os.fsync(here.fileno())
    part.replace(final)
