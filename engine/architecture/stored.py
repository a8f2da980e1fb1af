"""Tells from the headers of files in which form each matrix lies in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from engine.architecture.form import MINIMUM, SCALE
from engine.errors import CheckpointError
from engine.files import LARGEST, object_in, present

Kept = Literal["16-bit", "nf4", "4 bits", "8 bits"]  # the last two in groups of 32
QUANT_STATE = "quant_state.bitsandbytes__nf4"  # of the tensors beside an NF4 matrix, the one that describes it


def names_in(folder: Path) -> frozenset[str]:
    """Return the names of all tensors in ``folder``.

    Files that cannot be read have none: what is wrong with them is said when they are loaded.
    """
    try:
        return frozenset(name for file in sorted(folder.glob("*.safetensors")) for name in _names(file))
    except (CheckpointError, OSError, ValueError):
        return frozenset()


def kept_as(names: Collection[str]) -> dict[str, Kept]:
    """Return the form of every matrix that has fewer than 16 bits, by its name; ``names`` are those of all tensors."""
    found: dict[str, Kept] = {}
    for name in names:
        matrix, _, part = name.partition(".weight.")
        if part == QUANT_STATE:
            found[f"{matrix}.weight"] = "nf4"
        elif part == SCALE:
            found[f"{matrix}.weight"] = "4 bits" if f"{matrix}.weight.{MINIMUM}" in names else "8 bits"
    return found


def _names(file: Path) -> Iterator[str]:
    if present(file):
        with file.open("rb") as start:
            length = int.from_bytes(start.read(8), "little")
            if length > LARGEST:
                raise ValueError(f"a header of {length:,} bytes")
            yield from object_in(start.read(length))
