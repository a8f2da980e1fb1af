"""Where what is taught to a model is kept, and what was asked for: enough to go on with it another day. No torch."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from platformdirs import user_data_path

from engine.files import replace_file

ASKED, PROGRESS = "asked.json", "progress.json"
OWN = "own.jsonl"  # a person's own questions, where they are to be learnt by
TEXTS = (OWN, "replies.bin")  # what the target was asked, and what it wrote


@dataclass(frozen=True, slots=True)
class Asked:
    """What a course was begun for: ``what`` is taught, in how many ``minutes``, and from the person's own questions?

    ``over``: it came to its end.
    """

    what: str
    minutes: float
    own: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A course there is, and for how many minutes it worked."""

    asked: Asked
    folder: Path
    spent: float


def home_of(target: Path) -> Path:
    """Return where what is taught to the model in ``target`` is kept, by what its files hold."""
    known = sha256((target / "config.json").read_bytes())
    for file in sorted(target.glob("*.safetensors")):
        known.update(f"{file.name} {file.stat().st_size}".encode())
    return user_data_path("Updraft", appauthor=False) / "teaching" / f"{target.name}-{known.hexdigest()[:8]}"


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
