"""Opens a model folder and checks it against its own description before a byte of weights is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from safetensors import SafetensorError, safe_open

from engine.architecture import Architecture, read_architecture
from engine.architecture.form import GROUP
from engine.architecture.shape import TABLE
from engine.architecture.stored import Kept
from engine.dimensions import Dimensions, held_in
from engine.errors import CheckpointError
from engine.files import AGAIN, present, read_object
from engine.model.fourbit import NEEDED, NESTED
from engine.model.grouped import BITS, layout

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
FLOATS = {"F32": 4, "F16": 2, "BF16": 2}
ITEM_BYTES = {**FLOATS, "U8": 1}  # what 4-bit codes may be stored as
LONGEST_NAME = 200  # characters; file systems end at 255 bytes
HEADER, HEADER_SHARE = 1 << 20, 4096  # bytes: of a header whatever it holds, and for a tensor with its sidecars
ANOTHER_COPY = "The files are whole but not of one model: choose another copy of it."
IGNORED = (".rotary_emb.inv_freq",)  # computed from the configuration; old checkpoints store it anyway


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a tensor lies and what its file's header says of it (``dtype`` in safetensors' spelling)."""

    file: Path
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder whose files are whole and hold exactly the tensors its architecture needs.

    ``stored`` maps the names found in the safetensors headers; a matrix of few bits comes with its sidecars.
    """

    folder: Path
    dimensions: Dimensions
    stored: Mapping[str, Stored]

    @property
    def architecture(self) -> Architecture:
        """The shape of the model."""
        return self.dimensions.architecture

    def kept(self) -> dict[str, Kept]:
        """Return the form of every matrix of fewer than 16 bits by its name; one file may hold several kinds."""
        return dict(self.dimensions.kept)


def open_checkpoint(folder: Path) -> Checkpoint:
    """Read the description and the headers in ``folder``, and check one against the other.

    Raises CheckpointError naming the file and the reason: something missing, cut short, foreign or unsupported.
    """
    architecture = read_architecture(folder)
    stored: dict[str, Stored] = {}
    longest = HEADER + HEADER_SHARE * len(architecture.tensors())
    for file in _weight_files(folder):
        stored |= _header(file, longest)
    checkpoint = Checkpoint(folder, held_in(architecture, stored), stored)
    _check(checkpoint)
    return checkpoint


def _weight_files(folder: Path) -> list[Path]:
    """Return the one file, or the shards the index names, all present."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if present(single):
        return [single]
    if not present(index):
        _refuse_without_weights(folder)
    names = read_object(index).get("weight_map")
    if not isinstance(names, dict) or not names or not all(map(_is_name, names.values())):
        raise CheckpointError(f"{index} names no files, or files outside of its folder.", AGAIN)
    shards = [folder / name for name in sorted(set(names.values()))]
    for shard in shards:
        if not present(shard):
            raise CheckpointError(f"{shard.name} is missing from {folder}, though {index.name} names it.", AGAIN)
    return shards


def _is_name(value: object) -> bool:
    """Tell whether an index's ``value`` names a file beside it."""
    return (
        isinstance(value, str) and value == Path(value).name and value.isprintable() and 0 < len(value) < LONGEST_NAME
    )


def _refuse_without_weights(folder: Path) -> NoReturn:
    pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
    if pickles:
        raise CheckpointError(
            f"{folder} holds its weights in {pickles[0]}, a pickle; opening one can run any program hidden in it.",
            "Choose a version of the model in safetensors format.",
        )
    raise CheckpointError(
        f"{folder} holds no weights: model.safetensors is missing.",
        "Let the download finish, or choose a folder with model.safetensors.",
    )


def _header(file: Path, longest: int) -> dict[str, Stored]:
    """Return what ``file`` holds, from its header alone; the format's library checks it against the size.

    ``longest``: bytes the header may have. A hostile one with a million tensors would take minutes to read.
    """
    try:
        with file.open("rb") as start:
            length = int.from_bytes(start.read(8), "little")
        if file.stat().st_size > length > longest:
            raise CheckpointError(f"{file} lists far more tensors than the model in config.json has.", ANOTHER_COPY)
        with safe_open(file, "pt") as content:
            slices = {name: content.get_slice(name) for name in content.keys()}  # noqa: SIM118 - not a dict
            return {
                name: Stored(file, slice_.get_dtype(), tuple(slice_.get_shape())) for name, slice_ in slices.items()
            }
    except SafetensorError as error:
        raise CheckpointError(f"{file} is damaged or not a safetensors file: {_reason(error)}.", AGAIN) from error
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error}.", AGAIN) from error


def _reason(error: SafetensorError) -> str:
    text = str(error).removeprefix("Error while deserializing header: ")
    return "it is cut short" if "not fully covered" in text or "too small" in text else text


def _check(checkpoint: Checkpoint) -> None:
    """Raise CheckpointError unless the stored tensors are exactly the architecture's."""
    expected, kept = checkpoint.dimensions.tensors(), checkpoint.kept()
    known = set(expected)
    for name, shape in expected.items():
        if name not in checkpoint.stored:
            raise CheckpointError(f"{checkpoint.folder} lacks the tensor {name}.{_clue(checkpoint)}", ANOTHER_COPY)
        form = kept.get(name) if len(shape) == 2 else None
        if form in ("4 bits", "8 bits"):
            known |= _check_grouped(checkpoint, name, shape)
        elif form == "nf4" and name != TABLE:
            _check_packed(checkpoint, name, shape)
            known |= {f"{name}.{sidecar}" for sidecar in (*NEEDED, *NESTED)}
        else:
            _check_dense(checkpoint.stored[name], name, shape)
    strange = sorted(name for name in checkpoint.stored if name not in known and not name.endswith(IGNORED))
    if strange:
        raise CheckpointError(
            f"{checkpoint.stored[strange[0]].file} holds the tensor {strange[0]}, which config.json does not explain.",
            "Choose a plain checkpoint of one model, without adapters.",
        )


def _clue(checkpoint: Checkpoint) -> str:
    """Return a clause when the tensors found look like another quantisation's, or like no text model's."""
    if any(name.endswith((".qweight", ".qzeros")) for name in checkpoint.stored):
        return " The model looks quantised by GPTQ or AWQ, which Updraft cannot read."
    if "embed_tokens.weight" in checkpoint.stored:
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


def _check_grouped(checkpoint: Checkpoint, name: str, shape: tuple[int, ...]) -> set[str]:
    """Return the names of the sidecars of a grouped matrix, every one of which must be as its shape makes it."""
    codes = checkpoint.stored[name]
    if codes.dtype not in BITS or shape[1] % GROUP:
        how = f"{codes.dtype}, {list(codes.shape)}"
        raise CheckpointError(f"{codes.file} holds {name} in groups of {GROUP} as {how}, which cannot be.", AGAIN)
    parts = layout((shape[0], shape[1]), BITS[codes.dtype])
    for part, expected in parts.items():
        stored = checkpoint.stored.get(f"{name}.{part}") if part else codes
        if stored is None:
            raise CheckpointError(f"{codes.file} holds {name} at {BITS[codes.dtype]} bits without its {part}.", AGAIN)
        if (stored.dtype, stored.shape) != expected:
            raise CheckpointError(
                f"{stored.file} holds the {part or 'codes'} of {name} as {stored.dtype} {list(stored.shape)}, "
                f"but config.json makes them {expected[0]} {list(expected[1])}.",
                ANOTHER_COPY,
            )
    return {f"{name}.{part}" for part in parts if part}


def _check_packed(checkpoint: Checkpoint, name: str, shape: tuple[int, ...]) -> None:
    stored = checkpoint.stored[name]
    for sidecar in NEEDED:
        if f"{name}.{sidecar}" not in checkpoint.stored:
            raise CheckpointError(f"{stored.file} holds {name} at 4 bits without its {sidecar}.", AGAIN)
    held = math.prod(stored.shape) * ITEM_BYTES.get(stored.dtype, 0)
    if 2 * held != math.prod(shape):
        raise CheckpointError(
            f"{stored.file} holds {2 * held} weights in {name}, but config.json makes it {list(shape)}.",
            ANOTHER_COPY,
        )
