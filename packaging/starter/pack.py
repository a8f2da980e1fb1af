"""Puts what ``python -m engine teach`` made among the starter's, small: matrices as NF4, the rest as float32.

    PYTHONPATH=. python packaging/starter/pack.py MADE assets/starter/exits

Writes the description and the card beside it, and students.json in the folder above anew. Of a model, whose embedding
and head are the starter's own, only the layers, in files of no more than 15 MiB.
"""

from __future__ import annotations

import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import fourbit
from safetensors.torch import load_file

from engine.architecture.shape import HEAD, TABLE
from engine.dimensions import DRAFT_VOCABULARY
from engine.files import read_object
from engine.teaching.saving import write

GROUPED = {"format": "updraft-grouped", "group_size": 32}  # of the embedding that set-up puts in
ROLES = ("draft", "qualifier", "head", "block", "exits")


def pack(made: Path, folder: Path) -> None:
    """Write to ``folder`` what lies in ``made``."""
    stored, described = load_file(made / "model.safetensors"), read_object(made / "config.json")
    shutil.rmtree(folder, ignore_errors=True)
    if TABLE not in stored:
        write(folder, stored, described, read_object(made / "card.json"), four_bits=True)
    else:
        fourbit.save({name: each for name, each in stored.items() if name not in (TABLE, HEAD)}, folder)
        described["quantization_config"] = GROUPED
        (folder / "config.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        for name in ("card.json", DRAFT_VOCABULARY):
            if (made / name).is_file():
                shutil.copyfile(made / name, folder / name)
    list_files(folder.parent)


def list_files(out: Path) -> None:
    """Write students.json, which says what the files in ``out`` are: as engine/library/students.py reads it."""
    files = sorted(file for role in ROLES for file in (out / role).glob("*"))
    listed = {file.relative_to(out).as_posix(): sha256(file.read_bytes()).hexdigest() for file in files}
    (out / "students.json").write_text(json.dumps({"files": listed}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    pack(*(Path(word) for word in sys.argv[1:]))
