"""Checks that files hold exactly the tensors that their config.json makes, by their headers alone. No torch.

The library asks before a model is fetched or copied, the loader before it reads a byte of weights.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from engine.architecture.form import GROUP, MINIMUM, SCALE
from engine.architecture.shape import TABLE
from engine.architecture.stored import QUANT_STATE, kept_as
from engine.errors import CheckpointError
from engine.files import AGAIN

FLOATS = {"F32": 4, "F16": 2, "BF16": 2}  # bytes of each, in safetensors' spelling
ITEM_BYTES = {**FLOATS, "U8": 1}  # what 4-bit codes may be stored as
NEEDED = ("absmax", "quant_map", QUANT_STATE)  # beside an NF4 matrix
NESTED = ("nested_absmax", "nested_quant_map")  # and perhaps these
Bits = Literal[4, 8]
BITS: dict[str, Bits] = {"U8": 4, "I8": 8}  # of a grouped matrix, told by what its codes are stored as
IGNORED = (".rotary_emb.inv_freq",)  # computed from the configuration; old checkpoints store it anyway
ANOTHER_COPY = "The files are whole but not of one model: choose another copy of it."


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a tensor lies and what its file's header says of it (``dtype`` in safetensors' spelling)."""

    file: PurePath
    dtype: str
    shape: tuple[int, ...]


def check_tensors(stored: Mapping[str, Stored], expected: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Raise CheckpointError unless the tensors ``stored`` are exactly those ``expected``, by name and shape.

    ``where``: what an error calls the model. A matrix of few bits comes with its sidecars.
    """
    known, kept = set(expected), kept_as(stored)
    for name, shape in expected.items():
        if name not in stored:
            raise CheckpointError(f"{where} lacks the tensor {name}.{_clue(stored)}", ANOTHER_COPY)
        form = kept.get(name) if len(shape) == 2 else None
        if form in ("4 bits", "8 bits"):
            known |= _check_grouped(stored, name, shape)
        elif form == "nf4" and name != TABLE:
            _check_nf4(stored, name, shape)
            known |= {f"{name}.{sidecar}" for sidecar in (*NEEDED, *NESTED)}
        else:
            _check_dense(stored[name], name, shape)
    strange = sorted(name for name in stored if name not in known and not name.endswith(IGNORED))
    if strange:
        raise CheckpointError(
            f"{stored[strange[0]].file} holds the tensor {strange[0]}, which config.json does not explain.",
            "Choose a plain checkpoint of one model, without adapters.",
        )


def _clue(names: Collection[str]) -> str:
    """Return a clause when the tensors found look like another quantisation's, or like no text model's."""
    if any(name.endswith((".qweight", ".qzeros")) for name in names):
        return " The model looks quantised by GPTQ or AWQ, which Updraft cannot read."
    if "embed_tokens.weight" in names:
        return " The model looks like an embedding model, which reads text but does not write it."
    return ""


def _check_dense(stored: Stored, name: str, shape: tuple[int, ...]) -> None:
    if stored.dtype not in FLOATS:
        raise CheckpointError(
            f"{stored.file} holds {name} as {stored.dtype}, which Updraft cannot read.",
            "Choose the 16-bit version of the model, or one quantised to 4-bit NF4 by bitsandbytes.",
        )
    if stored.shape != shape:
        raise CheckpointError(
            f"{stored.file} holds {name} as {list(stored.shape)}, but config.json makes it {list(shape)}.",
            ANOTHER_COPY,
        )


def _check_grouped(tensors: Mapping[str, Stored], name: str, shape: tuple[int, ...]) -> set[str]:
    """Return the names of the sidecars of a grouped matrix, every one of which must be as its shape makes it."""
    codes = tensors[name]
    if codes.dtype not in BITS or shape[1] % GROUP:
        how = f"{codes.dtype}, {list(codes.shape)}"
        raise CheckpointError(f"{codes.file} holds {name} in groups of {GROUP} as {how}, which cannot be.", AGAIN)
    parts = layout((shape[0], shape[1]), BITS[codes.dtype])
    for part, expected in parts.items():
        stored = tensors.get(f"{name}.{part}") if part else codes
        if stored is None:
            raise CheckpointError(f"{codes.file} holds {name} at {BITS[codes.dtype]} bits without its {part}.", AGAIN)
        if (stored.dtype, stored.shape) != expected:
            raise CheckpointError(
                f"{stored.file} holds the {part or 'codes'} of {name} as {stored.dtype} {list(stored.shape)}, "
                f"but config.json makes them {expected[0]} {list(expected[1])}.",
                ANOTHER_COPY,
            )
    return {f"{name}.{part}" for part in parts if part}


def _check_nf4(tensors: Mapping[str, Stored], name: str, shape: tuple[int, ...]) -> None:
    stored = tensors[name]
    for sidecar in NEEDED:
        if f"{name}.{sidecar}" not in tensors:
            raise CheckpointError(f"{stored.file} holds {name} at 4 bits without its {sidecar}.", AGAIN)
    held = math.prod(stored.shape) * ITEM_BYTES.get(stored.dtype, 0)
    if 2 * held != math.prod(shape):
        raise CheckpointError(
            f"{stored.file} holds {2 * held} weights in {name}, but config.json makes it {list(shape)}.",
            ANOTHER_COPY,
        )


def layout(shape: tuple[int, int], bits: Bits) -> dict[str, tuple[str, tuple[int, int]]]:
    """Return dtype, in safetensors' spelling, and shape of every part of a grouped matrix; "" are the codes.

    Raises ValueError where its rows do not hold whole groups.
    """
    rows, columns = shape
    if columns % GROUP:
        raise ValueError(f"rows of {columns} weights do not hold whole groups of {GROUP}")
    groups = ("F16", (rows, columns // GROUP))
    if bits == 8:
        return {"": ("I8", (rows, columns)), SCALE: groups}
    return {"": ("U8", (rows, columns // 2)), SCALE: groups, MINIMUM: groups}
