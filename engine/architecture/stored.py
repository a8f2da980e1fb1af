"""Tells from the headers of files in which form each matrix lies in them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from engine.architecture.form import MINIMUM, SCALE
from engine.errors import CheckpointError
from engine.files import object_in, present

Kept = Literal["16-bit", "nf4", "4 bits", "8 bits"]  # the last two in groups of 32
QUANT_STATE = "quant_state.bitsandbytes__nf4"  # of the tensors beside an NF4 matrix, the one that describes it
LONGEST_HEADER = 16 << 20  # bytes; the largest models' have one MB; a longer one is there to fill the memory


def names_in(folder: Path) -> frozenset[str]:
    """Return the names of all tensors in ``folder``.

    Files that cannot be read have none: what is wrong with them is said when they are loaded.
    """
    try:
        files = (file for file in folder.glob("*.safetensors") if present(file))
        return frozenset(name for file in files for name in header_of(file)[0])
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


def header_of(file: Path) -> tuple[dict[str, Any], int]:
    """Return the tensors that ``file`` lists, by name, and the bytes before their data.

    Raises OSError, and ValueError where it is not a safetensors file.
    """
    with file.open("rb") as start:
        length = int.from_bytes(start.read(8), "little")
        if length > LONGEST_HEADER:
            raise ValueError(f"a header of {length:,} bytes")
        listed = object_in(start.read(length))
    return {name: tensor for name, tensor in listed.items() if name != "__metadata__"}, 8 + length
