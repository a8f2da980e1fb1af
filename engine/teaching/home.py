"""Where what is taught to a model is kept, and what was asked for: enough to go on with it another day. No torch."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import UpdraftError
from engine.files import replace_file
from engine.library.taught import home_of

ASKED, PROGRESS = "asked.json", "progress.json"
OWN = "own.jsonl"  # a person's own questions, where they are to be learnt by
PATIENCE = 15.0  # seconds that a process which was asked to leave off may take over the step at hand
TEXTS = (OWN, "replies.bin")  # what the target was asked, and what it wrote


@dataclass(frozen=True, slots=True)
class Asked:
    """What a course was begun for: ``what`` is taught, in how many ``minutes``, and from the person's own questions?

    ``over``: it came to its end. ``as_stored``: by the model's weights as its files have them, on a GPU too.
    """

    what: str
    minutes: float
    own: bool = False
    over: bool = False
    as_stored: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A course there is, and for how many minutes it worked."""

    asked: Asked
    folder: Path
    spent: float


def folder_of(target: Path, what: str) -> Path:
    """Return the folder of the course by which the model in ``target`` is taught ``what``; raises OSError."""
    return home_of(target) / what


def lock_of(folder: Path) -> Path:
    """Return the file that is locked while the course in ``folder`` is under way; it outlives the folder."""
    return folder.with_name(f".{folder.name}.lock")


@contextlib.contextmanager
def held(folder: Path, patience: float | None = None) -> Iterator[None]:
    """Keep the course in ``folder`` to this process meanwhile.

    Raises UpdraftError while another one has it and does not end, for ``patience`` seconds; None: the usual ones.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock_of(folder), timeout=PATIENCE if patience is None else patience):
            yield
    except Timeout as cause:
        raise UpdraftError(
            "This is being taught already, by another window or in a terminal.", "Wait until it is done, or stop it."
        ) from cause


def note(folder: Path, asked: Asked) -> None:
    """Write down what the course in ``folder`` was begun for."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / ASKED, json.dumps(asdict(asked)).encode())


def begun(target: Path) -> list[Begun]:
    """Return the courses of the model in ``target``, over or not; a description that cannot be read is none."""
    try:
        return list(_begun(home_of(target)))
    except OSError:
        return []


def _begun(home: Path) -> Iterator[Begun]:
    for file in sorted(home.glob(f"*/{ASKED}")):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            asked = Asked(**json.loads(file.read_text(encoding="utf-8")))
            yield Begun(asked, file.parent, _spent(file.parent / PROGRESS))


def _spent(file: Path) -> float:
    if not file.is_file():
        return 0.0
    return float(json.loads(file.read_text(encoding="utf-8"))["spent"]) / 60


def forget(folder: Path) -> None:
    """Delete a course and all that it wrote; what it made is kept where it went."""
    shutil.rmtree(folder, ignore_errors=True)


def forget_texts(folder: Path) -> None:
    """Delete the questions and replies of a course; what learnt from them stays."""
    for name in TEXTS:
        (folder / name).unlink(missing_ok=True)
