"""Opens a model folder and checks it against its own description before a byte of weights is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from safetensors import SafetensorError, safe_open

from engine.architecture import Architecture, read_architecture
from engine.architecture.checking import ANOTHER_COPY, Stored, check_tensors
from engine.architecture.stored import Kept
from engine.dimensions import Dimensions, held_in
from engine.errors import CheckpointError
from engine.files import AGAIN, present, read_object

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
LONGEST_NAME = 200  # characters; file systems end at 255 bytes
HEADER, HEADER_SHARE = 1 << 20, 4096  # bytes: of a header whatever it holds, and for a tensor with its sidecars


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
    dimensions = held_in(architecture, stored)
    check_tensors(stored, dimensions.tensors(), str(folder))
    return Checkpoint(folder, dimensions, stored)


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
