"""Imports into the library: a checkpoint folder is linked or else copied, a GGUF file converted; both are hashed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from engine.architecture import read_architecture, require_folder
from engine.architecture.checking import Stored, check_tensors
from engine.config import DRAFTERS, Role
from engine.dimensions import held_in
from engine.files import present, read_object
from engine.library.checkpoint_files import check_names, check_safetensors, choose
from engine.library.copying import Step, copy
from engine.library.faults import LibraryError
from engine.library.fitting import role_beside
from engine.library.gguf_files import gguf_in, gguf_name
from engine.library.manifest import NAME, Entry, Manifest
from engine.library.naming import folder_name, licence_on_card
from engine.library.paths import delete, is_plain
from engine.library.provenance import IMPORTED, Provenance, checkpoint_in, provenance
from engine.library.record import Installed
from engine.library.transfer import disk_trouble


def take_in(source: Path, open_library: Callable[[], Path], name: str | None = None) -> Iterator[Step]:
    """Import a checkpoint folder or a GGUF file; the library is opened once it is known to be one.

    Where the folder tells which model of the Hub it is, it is taken in as that model, and every file it knows a
    hash of must have that hash. ``name`` is for one that does not, or that is wanted beside it.
    Raises LibraryError (unsupported, damaged, space, folder) or CheckpointError before it counts as installed.
    """
    source = checkpoint_in(source)
    origin = provenance(source)
    try:
        if packed := gguf_in(source):
            yield from _converted(packed, open_library, name)
            return
        if source.exists():  # a drive that is gone has its own words
            require_folder(source)
        chosen = _chosen(source, origin)
        architecture = read_architecture(source)  # what the loader would refuse is refused before a byte is copied
        for folder in drafters_beside(source):
            role_beside(folder, architecture)
        stored: dict[str, Stored] = {}
        for entry in chosen:
            stored |= check_safetensors(source / entry.path) if entry.weights else {}
        check_names(stored, str(source))
        check_tensors(stored, held_in(architecture, stored).tensors(), str(source))
        manifest = replace(_manifest(origin, name, source, chosen), alone=True)
        library = open_library()
        _clear_for(manifest, library)
        yield from _copied_in(manifest, source, library)
    except OSError as error:
        raise disk_trouble(error, source) from error


def drafters_beside(source: Path) -> list[Path]:
    """Return the folders of drafters that lie in a model's own folder, called by their roles."""
    return [source / role for role in sorted(DRAFTERS) if (source / role / "config.json").is_file()]


def take_in_drafter(source: Path, role: Role, target: Installed, open_library: Callable[[], Path]) -> Iterator[Step]:
    """Import the folder of a drafter that is read as ``role`` and suits ``target``, as take_in does a model's."""
    origin = provenance(source)
    try:
        chosen = _chosen(source, origin, drafter=True)
        called = f"{target.name.rpartition('/')[2]}-{role}" if source.name in DRAFTERS else None
        manifest = _manifest(origin, called, source, chosen).serving(role, target.repository)
        library = open_library()
        _clear_for(manifest, library)
        yield from _copied_in(manifest, source, library)
    except OSError as error:
        raise disk_trouble(error, source) from error


def _chosen(source: Path, origin: Provenance, *, drafter: bool = False) -> tuple[Entry, ...]:
    """Return what of ``source`` is taken in; where something lacks and a link leads nowhere, that is the reason."""
    files = [path for path in sorted(source.iterdir()) if path.is_file()]
    try:
        entries = [origin.entry(path.name, path.stat().st_size) for path in files]
        return choose(entries, str(source), drafter=drafter)
    except LibraryError:
        for path in sorted(source.iterdir()):
            if path.is_symlink():
                present(path)
        raise


def _manifest(origin: Provenance, name: str | None, source: Path, files: tuple[Entry, ...]) -> Manifest:
    """Return the manifest of what is imported: as the Hub's own model where it is known to be one."""
    if origin.repository and name is None:
        licence = origin.licence or licence_on_card(source)
        return Manifest(origin.repository, origin.revision, files, licence, source="folder")
    called = name or folder_name(source, read_object(source / "config.json"))
    return _local(name, called, files, licence_on_card(source))


def _local(name: str | None, called: str, files: tuple[Entry, ...], licence: str = "") -> Manifest:
    """Return the manifest of a model without a home on the Hub, ``called`` so; ``name``: what a person typed."""
    plain = re.sub(r"[^\w.-]+", "-", called).strip(".-")
    if not is_plain(plain):
        raise LibraryError(
            "folder", f"“{name}” cannot be the name of a model on every system.", "Import it under another name."
        )
    return Manifest(f"local/{plain}", IMPORTED, files, licence, source="folder")


def _converted(source: Path, open_library: Callable[[], Path], name: str | None) -> Iterator[Step]:
    """Convert a GGUF file into the library; the last step notes what became of its precision."""
    from engine.library.gguf import prepare  # late: what reads such files takes a moment to import

    conversion = prepare(source)
    licence = conversion.gguf.value("general.license")
    called = name or gguf_name(source, conversion.gguf.value("general.name"))
    manifest = _local(name, called, (), licence if isinstance(licence, str) else "")
    library = open_library()
    _clear_for(manifest, library)
    folder, size = manifest.folder(library), conversion.size
    with _whole_or_nothing(folder, library):
        for share in conversion.write(folder):
            yield Step("", round(share * size), 2 * size)
        manifest = replace(manifest, files=_chosen(folder, Provenance()), alone=True)
        for step in copy(manifest, folder, library, link=True):
            yield replace(step, done=size + size * step.done // max(1, step.total), total=2 * size)
    yield Step(source.name, 2 * size, 2 * size, note=conversion.outcome)


def _clear_for(manifest: Manifest, library: Path) -> None:
    folder = manifest.folder(library)
    if (folder / NAME).exists():
        raise LibraryError(
            "folder",
            f"The library already has a model named “{manifest.repository.removeprefix('local/')}”.",
            "Import it under another name, or remove that one first.",
        )
    if folder.exists():
        delete(library, folder)  # what an import left that was stopped


def _copied_in(manifest: Manifest, source: Path, library: Path) -> Iterator[Step]:
    with _whole_or_nothing(manifest.folder(library), library):
        yield from copy(manifest, source, library, link=True)


@contextlib.contextmanager
def _whole_or_nothing(folder: Path, library: Path) -> Iterator[None]:
    """See to it that an import which fails or is stopped leaves nothing behind that nobody would find."""
    whole = False
    try:
        yield
        whole = True
    finally:
        if not whole:
            with contextlib.suppress(OSError):
                _undo(folder, library)


def _undo(folder: Path, library: Path) -> None:
    if folder.exists():
        delete(library, folder)
    for home in (folder.parent, folder.parent.parent):
        if not any(home.iterdir()):
            home.rmdir()
