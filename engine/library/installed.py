"""The models in one library folder, and everything that can be done with them offline."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from engine.config import ModelSet, Role
from engine.library.copying import Step
from engine.library.drafters import made_for
from engine.library.faults import LibraryError
from engine.library.fitting import is_drafter
from engine.library.importing import drafters_beside, take_in
from engine.library.manifest import NAME, Checked, Manifest, verify
from engine.library.moving import USED, move, prune, to_copy
from engine.library.naming import checked_name
from engine.library.pairing import add_drafter
from engine.library.paths import delete, inside
from engine.library.protocol import LOCK, OWNER
from engine.library.provenance import checkpoint_in
from engine.library.record import Installed, Record
from engine.library.sets import depending_on, drafters_for, lacking, model_sets, set_named
from engine.library.taught import forget_all
from engine.library.transfer import disk_trouble

MARK = ".updraft-library"  # tells the library from an empty mount point of the same name


class Library:
    """The models folder. What it held when last seen is kept in ``record``, outside of it.

    While the folder is away (a drive that is not connected) the record is shown and never rewritten.
    """

    def __init__(self, folder: Path, record: Path) -> None:
        self.folder, self._record = folder, Record(record)

    @classmethod
    def open(cls, record: Path | None = None) -> Library:
        """Open the library where it was last put, or where a new one belongs."""
        home = user_data_path("Updraft", appauthor=False)
        record = record or home / "library.json"
        return cls(Record(record).folder or home / "models", record)

    @property
    def connected(self) -> bool:
        """False when the folder was there once and is not now."""
        return (self.folder / MARK).exists() or self._record.folder != self.folder

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
            if self._record.folder != self.folder:
                self._record.write(self.folder, ())
        except OSError as error:
            raise disk_trouble(error, self.folder) from error
        return self.folder

    def models(self) -> tuple[Installed, ...]:
        """Return every complete model, newest first; while the drive is away, those that were there."""
        if not self.connected:
            return self._record.models()
        found = [self._installed(m) for m in self._manifests() if m.complete]
        models = tuple(sorted(found, key=lambda model: -model.added))
        if (self.folder / MARK).exists():
            self._record.write(self.folder, models)
        return models

    def unfinished(self) -> tuple[tuple[str, int], ...]:
        """Return (repository, bytes on disk) of downloads that are not complete."""
        return tuple(
            (manifest.repository, _bytes_in(manifest.folder(self.folder)))
            for manifest in self._manifests()
            if not manifest.complete
        )

    def unreadable(self) -> tuple[str, ...]:
        """Return, a sentence each, which folders hold a model whose manifest cannot be read; nothing touches them."""
        return tuple(
            f"{path.parent} is left out: its {NAME} cannot be read. Get or import that model again."
            for path in self._places()
            if _load(path.parent) is None and _holds_a_model(path.parent)
        )

    def find(self, name: str) -> Installed | None:
        """Return the newest installed model of that name, repository or key; None: there is none."""
        best = max(self.models(), key=lambda model: model.answers_to(name), default=None)  # of equal ones the first
        return best if best is not None and best.answers_to(name) else None

    def model(self, name: str) -> Installed:
        """Return what find does; raises LibraryError (missing)."""
        found = self.find(name)
        if found is not None:
            return found
        raise LibraryError(
            "missing", f"“{name}” is not installed.", "List what is installed with: python -m engine models list."
        )

    def model_sets(self) -> dict[str, ModelSet]:
        """Return what is offered to load, by catalogue name or repository."""
        return model_sets(self.models())

    def set_named(self, name: str) -> ModelSet:
        """Return an installed set by its catalogue name, repository or any name it had; raises ModelSetError."""
        return set_named(name, self.models())

    def lacking(self) -> dict[str, tuple[str, ...]]:
        """Return the catalogue's sets whose target is there but not all of the rest, with what they lack."""
        return lacking(self.models())

    def depending_on(self, model: Installed) -> tuple[str, ...]:
        """Return the titles of the sets that could no longer be loaded without ``model``."""
        return depending_on(model, self.models())

    def rename(self, model: Installed, name: str) -> Installed:
        """Call ``model`` something else; it still answers to what it was called. Raises LibraryError (folder)."""
        name = checked_name(name)
        for other in self.models():
            if other.key != model.key and other.answers_to(name) > 1:
                raise LibraryError(
                    "folder", f"Another model is called “{name}”.", "Choose a name that no other model has."
                )
        self.require()
        manifest = Manifest.load(model.folder)
        former = tuple(dict.fromkeys((*manifest.former, model.name)))
        title = "" if name == replace(model, title="").name else name
        self._save(replace(manifest, title=title, former=tuple(each for each in former if each != name)))
        self.models()
        return self._installed(Manifest.load(model.folder))

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
                inside(model.folder, path).unlink(missing_ok=True)

    def remove(self, model: Installed) -> None:
        """Delete ``model`` from disk with all it was taught; raises LibraryError (folder) where that fails."""
        self.require()
        forget_all(model.folder)
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

    def mark_used(self, folder: Path, *, alone: bool = False) -> None:
        """Note that the model in ``folder`` was loaded now, ``alone`` if by itself.

        Nothing happens where the drive cannot be written.
        """
        with contextlib.suppress(OSError, LibraryError):
            if folder.is_relative_to(self.folder):
                (folder / USED).touch()
                manifest = Manifest.load(folder)
                if alone and not manifest.alone:
                    replace(manifest, alone=True).save(self.folder)

    def take_in(self, source: Path, name: str | None = None) -> Iterator[Step]:
        """Import a checkpoint folder or a GGUF file, see importing.py; raises LibraryError or CheckpointError.

        Drafters in a folder of their role's name inside of it come along; a drafter's own folder is added as one.
        """
        if is_drafter(checkpoint_in(source)):
            yield from self.add_drafter(source)
            return
        before = {model.key for model in self.models()}
        yield from take_in(source, self.require, name)
        for folder in drafters_beside(checkpoint_in(source)):
            new = next(model for model in self.models() if model.key not in before and not model.drafts)
            yield from self.add_drafter(folder, new.key)

    def add_drafter(self, source: Path, to: str | None = None) -> Iterator[Step]:
        """Import a drafter and pair it with a model, see pairing.py; raises LibraryError or CheckpointError."""
        return add_drafter(source, self.models(), self.require, to)

    def drafters_for(self, model: Installed) -> dict[Role, Installed]:
        """Return the drafters that guess ahead for ``model``, by role."""
        return drafters_for(model.repository, self.models())

    def move(self, target: Path, spare: int = 0) -> Iterator[Step]:
        """Move the whole library to ``target``, one model at a time; stopped half way, a second call goes on.

        On another disk every file is hashed after copying and removed here only when its model is whole there, and
        ``spare`` bytes stay free. Raises LibraryError (folder, busy, space, damaged).
        """
        source = self.require()
        there = Library(target, self._record.path)
        with self.idle():
            yield from move(tuple(self._manifests()), source, target, spare)
        for name in (MARK, LOCK, OWNER):
            (source / name).unlink(missing_ok=True)
        prune(source)
        self.folder = target
        there.require()
        self.models()

    def bytes_to_move(self, target: Path) -> int:
        """Return how many bytes a move to ``target`` has to copy: none on the same disk."""
        return to_copy(tuple(self._manifests()), self.folder, target)

    def _delete(self, folder: Path) -> None:
        delete(self.folder, folder)
        for home in (folder.parent, folder.parent.parent):
            if not any(home.iterdir()):
                home.rmdir()

    def _save(self, manifest: Manifest) -> None:
        try:
            manifest.save(self.folder)
        except OSError as error:
            raise disk_trouble(error, self.folder) from error

    def _places(self) -> Iterator[Path]:
        return iter(sorted(self.folder.glob(f"*/*/*/{NAME}")))

    def _manifests(self) -> Iterator[Manifest]:
        """Give what can be read and is ours; the rest is never touched."""
        return filter(None, (_load(path.parent) for path in self._places()))

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
            whole=all(_is_whole(entry.final(folder), entry.size) for entry in manifest.files),
            title=manifest.title,
            former=manifest.former,
            alone=manifest.alone,
            role=manifest.role,
            serves=tuple(dict.fromkeys((*manifest.serves, *sorted(made_for(manifest.repository))))),
        )


def _load(folder: Path) -> Manifest | None:
    try:
        return Manifest.load(folder)
    except LibraryError:
        return None


def _holds_a_model(folder: Path) -> bool:
    return (folder / "config.json").exists() or any(folder.glob("*.safetensors*"))


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
