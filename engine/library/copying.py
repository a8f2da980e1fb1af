"""Copying a checkpoint from one folder to another, hashed on the way, a stretch at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from engine.library.faults import LibraryError
from engine.library.fetch import no_space
from engine.library.manifest import BLOCK, Digest, Entry, Manifest, read_into

STRETCH = 64 << 20  # bytes between two steps, at each of which a copy can be stopped


@dataclass(frozen=True, slots=True)
class Step:
    """A long copy has got this far: ``done`` of ``total`` bytes, ``path`` being the file at hand, if it is one.

    ``compared``: the file is held against a hash that was known before, not only noted. ``note``: what else is to be
    said of it. ``model``: whose file it is, where several are copied.
    """

    path: str
    done: int
    total: int
    compared: bool = False
    note: str = ""
    model: str = ""

    @property
    def what(self) -> str:
        """What is at hand in words: the file, of which model, as far as either is known."""
        return " of ".join(part for part in (self.path, self.model) if part)


def copy(manifest: Manifest, source: Path, library: Path, link: bool) -> Iterator[Step]:
    """Bring ``manifest``'s files from ``source`` into ``library`` and complete it there.

    ``link`` prefers hard links, so that the disk holds one copy. Files that are there already are only hashed.
    Raises LibraryError (damaged, space) or OSError; what is there is then kept.
    """
    folder = manifest.folder(library)
    folder.mkdir(parents=True, exist_ok=True)
    done = 0
    for entry in manifest.files:
        step = _stepper(entry, done, manifest.size)
        digest = yield from _brought(entry, source / entry.path, folder / entry.path, link, step)
        manifest = manifest.with_digest(entry.path, digest)
        done += entry.size
        yield step(entry.size)
    replace(manifest, complete=True).save(library)


def _stepper(entry: Entry, before: int, total: int) -> Callable[[int], Step]:
    compared = bool(entry.sha256 or entry.blob)
    return lambda have: Step(entry.path, before + have, total, compared)


def _brought(
    entry: Entry, source: Path, final: Path, link: bool, step: Callable[[int], Step]
) -> Generator[Step, None, str]:
    """Bring one file to ``final`` and return its SHA-256; one that is there but not what was promised is replaced."""
    if final.exists() or (link and _linked(source, final)):
        digest = Digest(entry)
        yield from _stretches(read_into(digest, final), step)
        if digest.agrees:
            return digest.sha256
        final.unlink()
    short = source.stat().st_size - shutil.disk_usage(final.parent).free
    if short > 0:
        raise no_space(final.parent, short)
    digest, part = Digest(entry), final.with_name(final.name + ".part")
    yield from _stretches(_copied(source, part, digest), step)
    if not digest.agrees:
        part.unlink()
        raise LibraryError("damaged", f"{source} is damaged.", "Fetch or copy the model again.")
    part.replace(final)
    return digest.sha256


def _stretches(bytes_done: Iterator[int], step: Callable[[int], Step]) -> Iterator[Step]:
    told = 0
    for have in bytes_done:
        if have - told >= STRETCH:
            told = have
            yield step(have)


def _copied(source: Path, part: Path, digest: Digest) -> Iterator[int]:
    have = 0
    with source.open("rb") as there, part.open("wb") as here:
        while block := there.read(BLOCK):
            here.write(block)
            digest.update(block)
            have += len(block)
            yield have
        here.flush()
        os.fsync(here.fileno())


def _linked(source: Path, final: Path) -> bool:
    """Make ``final`` one more name of ``source``; False where it has to be copied.

    Only of a file in the folder itself or among the blobs of its cache: a link that leads out of them may lead to
    anything, and another name of that inside the library would go with the library's own files.
    """
    try:
        folder, file = source.parent.resolve(), source.resolve()
        homes = [folder, folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else [folder]
        if file.parent not in homes or not file.is_file():
            return False
        os.link(file, final)
    except (OSError, RuntimeError):
        return False  # another disk, a file system without hard links, or links in a circle
    return True
