"""The whole library brought to another folder, on this disk or on another."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from engine.library.copying import Step, copy
from engine.library.faults import LibraryError
from engine.library.fetch import no_space
from engine.library.manifest import Manifest
from engine.library.paths import delete
from engine.library.protocol import QUEUE
from engine.library.transfer import disk_trouble

USED = ".used"  # in a model's folder: touched whenever it is loaded


def move(manifests: Sequence[Manifest], source: Path, target: Path, spare: int) -> Iterator[Step]:
    """Bring every checkpoint from ``source`` to ``target``; the steps count the bytes of all of them together.

    On another disk files are copied and hashed, and ``spare`` bytes stay free. Raises LibraryError (folder, space,
    damaged); what has moved by then is there, and the rest is here.
    """
    if target.resolve() == source.resolve() or target.resolve().is_relative_to(source.resolve()):
        raise LibraryError("folder", f"{target} is inside the present folder.", "Choose a folder outside of it.")
    total, done = sum(manifest.size for manifest in manifests), 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        needed = to_copy(manifests, source, target)
        short = needed + spare - shutil.disk_usage(target).free
        if needed and short > 0:
            raise no_space(target, short, spare)
        for manifest in manifests:
            model = manifest.title or manifest.repository.rpartition("/")[2]
            for step in _move_one(manifest, source, target):
                yield replace(step, model=model, done=done + step.done, total=total)
            done += manifest.size
        if (source / QUEUE).exists():
            shutil.move(source / QUEUE, target / QUEUE)
    except OSError as error:
        raise disk_trouble(error, target) from error


def to_copy(manifests: Sequence[Manifest], source: Path, target: Path) -> int:
    """Return how many bytes of complete checkpoints a move has to copy, which is none on the same disk."""
    near = next((each for each in (target, *target.parents) if each.exists()), target)
    if source.exists() and near.exists() and source.stat().st_dev == near.stat().st_dev:
        return 0
    return sum(manifest.size for manifest in manifests if manifest.complete)


def prune(folder: Path) -> None:
    """Remove ``folder`` and the folders in it as far as they are empty."""
    for path in sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            path.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _move_one(manifest: Manifest, source: Path, target: Path) -> Iterator[Step]:
    old, new = manifest.folder(source), manifest.folder(target)
    if not new.exists():
        new.parent.mkdir(parents=True, exist_ok=True)
        try:
            old.rename(new)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            yield Step("", manifest.size, manifest.size)
            return
    if manifest.complete:
        yield from copy(manifest, old, target, link=False)
        with contextlib.suppress(OSError):  # when it was last used; copied with its time
            shutil.copy2(old / USED, new / USED)
    delete(source, old)  # an unfinished download starts again on the other disk
