"""What models were taught on this machine: the drafters that made them faster, each beside the model that taught it.

They are found by what the files of that model hold: a model that is moved, renamed or opened from elsewhere keeps them.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from platformdirs import user_data_path

from engine.config import ModelSet, Role
from engine.library.transfer import disk_trouble

KEPT = "kept"  # in the home of a model: what it drafts with, a folder for each role


def home_of(target: Path) -> Path:
    """Return where what is taught to the model in ``target`` is kept, by what its files hold; raises OSError."""
    known = sha256((target / "config.json").read_bytes())
    for file in sorted(target.glob("*.safetensors")):
        known.update(f"{file.name} {file.stat().st_size}".encode())
    return user_data_path("Updraft", appauthor=False) / "teaching" / f"{target.name}-{known.hexdigest()[:8]}"


def taught_here(target: Path) -> dict[Role, Path]:
    """Return the drafters that the model in ``target`` was taught, by role."""
    try:
        return {file.parent.name: file.parent for file in sorted(home_of(target).glob(f"{KEPT}/*/config.json"))}
    except OSError:
        return {}


def with_taught(models: ModelSet) -> ModelSet:
    """Return ``models`` with what their target was taught, which was tried against what there was before.

    And without what was taken from it again.
    """
    try:
        kept = home_of(models.target) / KEPT
    except OSError:
        return models
    own = {role: folder for role, folder in models.models.items() if folder.parent != kept}
    return replace(models, models={**own, **taught_here(models.target)})


def keep(target: Path, role: Role, made: Path) -> Path:
    """Let the model in ``target`` draft with what lies in ``made`` from now on; returns where it is kept.

    Nothing has changed where that fails: raises LibraryError (space, folder).
    """
    kept = home_of(target) / KEPT / role
    fresh, former = (kept.with_name(f".{role}-{word}") for word in ("fresh", "former"))
    try:
        for left in (fresh, former):
            shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(made, fresh)
        if kept.exists():
            kept.rename(former)
        fresh.rename(kept)
    except OSError as error:
        if not kept.exists():
            with suppress(OSError):
                former.rename(kept)
        raise disk_trouble(error, kept) from error
    shutil.rmtree(former, ignore_errors=True)
    return kept


def forget_all(target: Path) -> None:
    """Forget all that the model in ``target`` was taught, and every course of it."""
    with suppress(OSError):
        shutil.rmtree(home_of(target))


def unlearn(target: Path, role: Role) -> None:
    """Take from the model in ``target`` what it was taught as ``role``; raises LibraryError (folder)."""
    kept = home_of(target) / KEPT / role
    try:
        shutil.rmtree(kept)
    except OSError as error:
        raise disk_trouble(error, kept) from error
