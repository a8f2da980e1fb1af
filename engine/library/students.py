"""The starter's smaller models: what a checkout holds of them, and the folders that set-up makes of it.

A checkout holds their layers (assets/starter). They read and write by the target's own embedding and its tokenizer,
which are put in where the target is prepared. A drafter that reads the target is whole as it is.
"""

from __future__ import annotations

import shutil
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from engine.config import Role
from engine.files import read_object
from engine.library import embedding
from engine.library.faults import LibraryError

LIST = "students.json"  # {"files": {path: its SHA-256, of JSON with lines that end in LF}}; another list is others
ROLES: tuple[Role, ...] = ("draft", "qualifier")
DRAFTERS: tuple[Role, ...] = (
    "head",
    "block",
    "exits",
)  # those there are; they read the target's own states
SHARED = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json", "LICENSE")
NOTICE = """\
This model is some of the layers of SmolLM2-135M-Instruct, by Hugging Face (HuggingFaceTB on the Hub), under the Apache
License 2.0; the file LICENSE has its text. Updraft has trained them anew, on that model's own replies, to guess ahead
for it, and stores them as NF4. The embedding is that model's.
"""
DRAFTERS_NOTICE = """\
This drafter reads the states of SmolLM2-135M-Instruct, by Hugging Face (HuggingFaceTB on the Hub), under the Apache
License 2.0; the file LICENSE has its text. Updraft has trained it, on that model's own replies and beginning with parts
of it, to guess ahead for it, and stores it as NF4.
"""


def source() -> Path:
    """Return where the checkout keeps them; there may be nothing."""
    return Path(str(files("assets") / "starter"))


def mark(place: Path) -> str:
    """Return a word that changes with the students in ``place``; empty where there are none."""
    try:
        return sha256((place / LIST).read_bytes()).hexdigest()[:8]
    except OSError:
        return ""


def roles(folder: Path) -> list[Role]:
    """Return what ``put_together`` has made in ``folder``."""
    return [*ROLES, *(role for role in DRAFTERS if (folder / role).is_dir())]


def put_together(target: Path, place: Path, folder: Path) -> None:
    """Make ``folder`` of the students in ``place``, one folder a role, with what they share with ``target``.

    Raises LibraryError (damaged, unsupported) and OSError; ``folder`` may hold a part of them then.
    """
    _check(place)
    source = target
    for role in ROLES:
        made, given = folder / role, place / role
        _fits(target, given)
        made.mkdir(parents=True)
        for file in [*given.iterdir(), *(target / name for name in SHARED)]:
            if file.is_file():
                shutil.copyfile(file, made / file.name)
        embedding.share(source, made)
        embedding.write_index(made)
        source = made
        (made / "NOTICE").write_text(NOTICE, encoding="utf-8")
    for role in DRAFTERS:
        if (place / role).is_dir():
            _fits(target, place / role)
            shutil.copytree(place / role, folder / role)
            if (target / "LICENSE").is_file():
                shutil.copyfile(target / "LICENSE", folder / role / "LICENSE")
            (folder / role / "NOTICE").write_text(DRAFTERS_NOTICE, encoding="utf-8")


def _check(place: Path) -> None:
    """Raise LibraryError unless every file is the one that is listed."""
    for name, digest in read_object(place / LIST)["files"].items():
        try:
            if _digest(place / name) == digest:
                continue
        except FileNotFoundError:
            pass
        raise LibraryError("damaged", f"{place / name} is not whole.", "Fetch Updraft again, all of it.")


def _digest(file: Path) -> str:
    raw = file.read_bytes()
    return sha256(raw.replace(b"\r\n", b"\n") if file.suffix == ".json" else raw).hexdigest()  # git may end lines so


def _fits(target: Path, student: Path) -> None:
    """Raise LibraryError unless ``student`` reads the same states and tokens as ``target``."""
    here, there = (read_object(folder / "config.json") for folder in (student, target))
    for key in ("hidden_size", "vocab_size", "head_dim"):
        if here.get(key) != there.get(key):
            raise LibraryError("unsupported", f"{student} was made for another model than {target}.", "Update Updraft.")
