"""Opens a model folder and checks it against its own description before a byte of weights is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from engine.architecture import Architecture, read_architecture
from engine.architecture.checking import ANOTHER_COPY, Stored, check_tensors
from engine.architecture.stored import Kept
from engine.architecture.weights import weight_files
from engine.dimensions import Dimensions, held_in
from engine.errors import CheckpointError
from engine.files import AGAIN

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
    for file in weight_files(folder):
        stored |= _header(file, longest)
    dimensions = held_in(architecture, stored)
    check_tensors(stored, dimensions.tensors(), str(folder))
    return Checkpoint(folder, dimensions, stored)


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
