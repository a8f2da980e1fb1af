"""What is on disk: the models of one library folder, and what can be done with them without a network."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from engine.config import ModelSet
from engine.dimensions import Dimensions, dimensions_of, read_dimensions
from engine.errors import ModelSetError
from engine.library.catalogue import CATALOGUE, CatalogueSet
from engine.library.checkpoint_files import check_names, check_safetensors, choose, read_config
from engine.library.copying import Step, copy
from engine.library.faults import LibraryError
from engine.library.manifest import NAME, Checked, Entry, Manifest, verify, write_json
from engine.library.protocol import LOCK, OWNER, QUEUE
from engine.library.provenance import IMPORTED, Provenance, checkpoint_in, provenance
from engine.library.transfer import disk_trouble

MARK = ".updraft-library"  # tells the library from an empty mount point of the same name
USED = ".used"


@dataclass(frozen=True, slots=True)
class Installed:
    """One checkpoint of the library; ``size`` in bytes, times in seconds since 1970.

    ``present`` is False while the library's drive is not connected, ``whole`` while a file is missing or short.
    """

    repository: str
    revision: str
    folder: Path
    size: int
    licence: str
    source: Literal["hub", "folder"]
    added: float
    used: float | None
    present: bool = True
    whole: bool = True

    @property
    def architecture(self) -> Dimensions:
        """The architecture, read from its ``config.json``; raises LibraryError, CheckpointError or OSError."""
        raw = (self.folder / "config.json").read_bytes()
        return dimensions_of(read_config(raw, self.repository), self.repository)


class Library:
    """The models folder. What it held when last seen is kept in ``record``, outside of it.

    While the folder is away (a drive that is not connected) the record is shown and never rewritten.
    """

    def __init__(self, folder: Path, record: Path) -> None:
        self.folder, self._record = folder, record

    @classmethod
    def open(cls, record: Path | None = None) -> Library:
        """Open the library where it was last put, or where a new one belongs."""
        home = user_data_path("Updraft", appauthor=False)
        record = record or home / "library.json"
        folder = _read(record).get("folder")
        return cls(Path(folder) if folder else home / "models", record)

    @property
    def connected(self) -> bool:
        """False when the folder was there once and is not now."""
        known = _read(self._record).get("folder") == str(self.folder)
        return (self.folder / MARK).exists() or not known

    def require(self) -> Path:
        """Return the folder, made if it is new; raises LibraryError (folder) while its drive is not connected."""
        if not self.connected:
            raise LibraryError(
                "folder",
                f"The models folder {self.folder} is not there.",
                "Connect its drive, or choose another folder. Nothing is lost and nothing was changed.",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / MARK).touch()
            if _read(self._record).get("folder") != str(self.folder):
                self._remember(())
        except OSError as error:
            raise disk_trouble(error, self.folder) from error
        return self.folder

    def models(self) -> tuple[Installed, ...]:
        """Return every complete model, newest first; while the drive is away, those that were there."""
        if not self.connected:
            listed = _read(self._record).get("models", [])
            return tuple(Installed(**{**each, "folder": Path(each["folder"]), "present": False}) for each in listed)
        found = [self._installed(m) for m in self._manifests() if m.complete]
        models = tuple(sorted(found, key=lambda model: -model.added))
        if (self.folder / MARK).exists():
            self._remember(models)
        return models

    def unfinished(self) -> tuple[tuple[str, int], ...]:
        """Return (repository, bytes on disk) of downloads that are not complete."""
        return tuple(
            (manifest.repository, _bytes_in(manifest.folder(self.folder)))
            for manifest in self._manifests()
            if not manifest.complete
        )

    def model(self, name: str) -> Installed:
        """Return the newest installed model of that repository name; raises LibraryError (missing)."""
        for model in self.models():
            if model.repository.lower() == name.lower():
                return model
        raise LibraryError("missing", f"“{name}” is not installed.", "See what is with: python -m engine models list.")

    def model_sets(self) -> dict[str, ModelSet]:
        """Return what can be loaded: the catalogue's sets that are whole, then every other model as a set of one.

        By catalogue name or repository; the sets themselves are called as a person knows them, by title.
        """
        ready = {m.repository: m.folder for m in reversed(self.models()) if m.present and m.whole}
        found = {name: _as_set(entry, ready) for name, entry in CATALOGUE.items()}
        sets = {name: models for name, models in found.items() if models is not None}
        taken = {model.repository for name in sets for model in CATALOGUE[name].models.values()}
        singles = {name: _alone(name, folder) for name, folder in ready.items() if name not in taken}
        return sets | singles

    def set_named(self, name: str) -> ModelSet:
        """Return an installed set by its catalogue name or repository; raises ModelSetError."""
        ready = {m.repository: m.folder for m in reversed(self.models()) if m.present and m.whole}
        if name in CATALOGUE:
            found = _as_set(CATALOGUE[name], ready)
            if found:
                return found
        if name in ready:
            return _alone(name, ready[name])
        raise ModelSetError(f"“{name}” is not installed.", f"Fetch it with: python -m engine models get {name}")

    def verify(self, model: Installed) -> Iterator[Checked]:
        """Hash every file of ``model``; files found bad are removed at the end, so a new download fetches only them."""
        bad = []
        for checked in verify(model.folder):
            if not checked.good:
                bad.append(checked.path)
            yield checked
        if bad:
            replace(Manifest.load(model.folder), complete=False).save(self.folder)
            for path in bad:
                (model.folder / path).unlink(missing_ok=True)

    def remove(self, model: Installed) -> None:
        """Delete ``model`` from disk; raises LibraryError (folder) where that fails."""
        self.require()
        try:
            replace(Manifest.load(model.folder), complete=False).save(self.folder)  # half a model is none
            self._delete(model.folder)
        except OSError as error:
            raise disk_trouble(error, model.folder) from error
        self.models()

    def discard(self, repository: str) -> int:
        """Delete what there is of unfinished downloads of ``repository``; returns the bytes that are free again."""
        freed = 0
        for manifest in list(self._manifests()):
            if manifest.repository == repository and not manifest.complete:
                freed += _bytes_in(manifest.folder(self.folder))
                self._delete(manifest.folder(self.folder))
        return freed

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """Keep downloads out meanwhile; raises LibraryError (busy) while one is under way."""
        try:
            with FileLock(self.folder / LOCK, timeout=0):
                yield
        except Timeout as error:
            raise LibraryError(
                "busy", "A download is under way in the models folder.", "Pause it, or wait until it is done."
            ) from error

    def mark_used(self, folder: Path) -> None:
        """Note that the model in ``folder`` was loaded now; a drive that cannot be written is none the worse."""
        with contextlib.suppress(OSError):
            if folder.is_relative_to(self.folder):
                (folder / USED).touch()

    def take_in(self, source: Path, name: str | None = None) -> Iterator[Step]:
        """Import a checkpoint folder, hashing as it goes; a file is linked where the disk allows, else copied.

        Where the folder tells which model of the Hub it is, it is taken in as that model, and every file it knows a
        hash of must have that hash. ``name`` is for one that does not, or that is wanted beside it.
        Raises LibraryError (unsupported, damaged, space, folder) or CheckpointError before it counts as installed.
        """
        source = checkpoint_in(source)
        origin = provenance(source)
        try:
            files = [origin.entry(path.name, path.stat().st_size) for path in source.iterdir() if path.is_file()]
            chosen = choose(files, str(source))
            read_dimensions(source)  # what the loader would refuse is refused before a byte is copied
            weights = [check_safetensors(source / entry.path) for entry in chosen if entry.weights]
            check_names(frozenset().union(*weights), str(source))
            manifest = _imported(origin, name, source, chosen)
            self._clear_for(manifest)
            yield from self._copied_in(manifest, source)
        except OSError as error:
            raise disk_trouble(error, source) from error

    def _copied_in(self, manifest: Manifest, source: Path) -> Iterator[Step]:
        """Copy an import; one that fails or is stopped leaves nothing behind that nobody would find."""
        whole, folder = False, manifest.folder(self.require())
        try:
            yield from copy(manifest, source, self.folder, link=True)
            whole = True
        finally:
            if not whole:
                with contextlib.suppress(OSError):
                    self._delete(folder)

    def _clear_for(self, manifest: Manifest) -> None:
        folder = manifest.folder(self.require())
        if (folder / NAME).exists():
            raise LibraryError(
                "folder",
                f"The library already has a model named “{manifest.repository}”.",
                "Import it under another name, or remove that one first.",
            )
        if folder.exists():
            shutil.rmtree(folder)  # what an import left that was stopped

    def move(self, target: Path) -> Iterator[Step]:
        """Move the whole library to ``target``, one model at a time; stopped half way, a second call goes on.

        On another disk every file is hashed after copying and removed here only when its model is whole there.
        """
        source = self.require()
        if target.resolve() == source.resolve() or target.resolve().is_relative_to(source.resolve()):
            raise LibraryError("folder", f"{target} lies in the present folder.", "Choose a folder outside of it.")
        there = Library(target, self._record)
        try:
            target.mkdir(parents=True, exist_ok=True)
            (target / MARK).touch()
            with self.idle():
                for manifest in list(self._manifests()):
                    yield from self._move_one(manifest, target)
                if (source / QUEUE).exists():
                    shutil.move(source / QUEUE, target / QUEUE)
        except OSError as error:
            raise disk_trouble(error, target) from error
        for name in (MARK, LOCK, OWNER):
            (source / name).unlink(missing_ok=True)
        _prune(source)
        self.folder = target
        there.require()
        self.models()

    def _delete(self, folder: Path) -> None:
        shutil.rmtree(folder)
        for home in (folder.parent, folder.parent.parent):
            if not any(home.iterdir()):
                home.rmdir()

    def _move_one(self, manifest: Manifest, target: Path) -> Iterator[Step]:
        old, new = manifest.folder(self.folder), manifest.folder(target)
        if not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            try:
                old.rename(new)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            else:
                yield Step(manifest.repository, manifest.size, manifest.size)
                return
        if not manifest.complete:
            shutil.rmtree(old)  # an unfinished download starts anew on the other disk
            return
        yield from copy(manifest, old, target, link=False)
        shutil.rmtree(old)

    def _manifests(self) -> Iterator[Manifest]:
        for path in sorted(self.folder.glob(f"*/*/*/{NAME}")):
            with contextlib.suppress(LibraryError):  # not one of ours, or unreadable: shown nowhere, touched never
                yield Manifest.load(path.parent)

    def _installed(self, manifest: Manifest) -> Installed:
        folder = manifest.folder(self.folder)
        used = folder / USED
        return Installed(
            repository=manifest.repository,
            revision=manifest.revision,
            folder=folder,
            size=manifest.size,
            licence=manifest.licence,
            source=manifest.source,
            added=(folder / NAME).stat().st_mtime,
            used=used.stat().st_mtime if used.exists() else None,
            whole=all(_is_whole(folder / entry.path, entry.size) for entry in manifest.files),
        )

    def _remember(self, models: tuple[Installed, ...]) -> None:
        value = {
            "folder": str(self.folder),
            "models": [{**asdict(model), "folder": str(model.folder)} for model in models],
        }
        if value == _read(self._record):
            return
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._record.with_suffix(".lock")):  # the window's errands and a terminal write it too
            write_json(self._record, value)


def _imported(origin: Provenance, name: str | None, source: Path, files: tuple[Entry, ...]) -> Manifest:
    """Return the manifest of what is imported: as the Hub's own model where it is known to be one."""
    if origin.repository and name is None:
        return Manifest(origin.repository, origin.revision, files, origin.licence, source="folder")
    plain = re.sub(r"[^\w.-]+", "-", name or source.resolve().name).strip(".-") or "model"
    return Manifest(f"local/{plain}", IMPORTED, files, source="folder")


def _as_set(entry: CatalogueSet, ready: dict[str, Path]) -> ModelSet | None:
    folders = {role: ready.get(model.repository) for role, model in entry.models.items()}
    target = folders.get("target")
    if target is None or None in folders.values():
        return None
    return ModelSet(entry.title, target, folders.get("qualifier"), folders.get("draft"))


def _alone(repository: str, folder: Path) -> ModelSet:
    return ModelSet(repository.removeprefix("local/"), folder)


def _read(record: Path) -> dict[str, Any]:
    try:
        value = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def _prune(folder: Path) -> None:
    """Remove ``folder`` and the folders in it as far as they are empty."""
    for path in sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            path.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()
