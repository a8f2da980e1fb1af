"""A model's embedding in a file of its own, which models made from that one share: a copy of it weighs 30 MB."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from engine.library.checkpoint_files import check_safetensors
from engine.library.faults import LibraryError

if TYPE_CHECKING:
    from torch import Tensor

FILE = "embedding.safetensors"
NAMES = "model.embed_tokens."  # what the names of its tensors begin with
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"


def set_apart(folder: Path) -> None:
    """Put the embedding of the checkpoint in ``folder``, of one file, into a file of its own, unless it has one.

    Raises LibraryError (damaged) and OSError; ``folder`` may be half done then.
    """
    if (folder / FILE).is_file():
        return
    tensors = _tensors(folder / WHOLE)
    apart = {name: tensors.pop(name) for name in list(tensors) if name.startswith(NAMES)}
    _save(tensors, folder / "layers.safetensors")
    _save(apart, folder / FILE)
    write_index(folder)
    (folder / WHOLE).unlink()


def share(source: Path, folder: Path) -> None:
    """Give the checkpoint in ``folder`` the embedding of the one in ``source``: the same file, where the disk can.

    Raises LibraryError (damaged) and OSError.
    """
    there, here = source / FILE, folder / FILE
    if not there.is_file():
        _save(_tensors(source / WHOLE, NAMES), here)
        return
    try:
        os.link(there, here)
    except OSError:  # a disk that knows no links, or another one
        shutil.copyfile(there, here)


def write_index(folder: Path) -> None:
    """Say in ``folder`` which of its files hold the weights. Raises LibraryError (damaged) and OSError."""
    files = sorted(file for file in folder.glob("*.safetensors") if file.name != WHOLE)
    index = {"metadata": {}, "weight_map": {name: file.name for file in files for name in check_safetensors(file)}}
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _tensors(file: Path, beginning: str = "") -> dict[str, Tensor]:
    """Return the tensors of ``file`` whose names begin so."""
    try:
        return dict(_read(file, beginning))
    except SafetensorError as error:
        raise LibraryError("damaged", f"{file} is damaged.", "Fetch Updraft again, all of it.") from error


def _read(file: Path, beginning: str) -> Iterator[tuple[str, Tensor]]:
    content: Any
    with safe_open(file, "pt") as content:
        for name in content.keys():  # noqa: SIM118 - not a dict
            if name.startswith(beginning):
                yield name, content.get_tensor(name)


def _save(tensors: Mapping[str, Tensor], file: Path) -> None:
    from safetensors.torch import save_file  # brings torch, which no window waits for

    save_file(dict(tensors), file, metadata={"format": "pt"})
    file.chmod(0o644)  # as all other files; the library leaves it to its owner alone
