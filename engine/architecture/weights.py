"""Finds the files that hold a model's weights, and reads from their headers what is in them. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from engine.architecture.checking import Stored
from engine.architecture.stored import header_of
from engine.errors import CheckpointError
from engine.files import AGAIN, present, read_object

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
LONGEST_NAME = 200  # characters; file systems end at 255 bytes


def weight_files(folder: Path, elsewhere: str = "") -> list[Path]:
    """Return the one file, or the shards the index names, all present; raises CheckpointError.

    ``elsewhere``: a repository known to hold such weights in safetensors, to be named where these are pickled.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if present(single):
        return [single]
    if not present(index):
        _refuse_without_weights(folder, elsewhere)
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


def _refuse_without_weights(folder: Path, elsewhere: str) -> NoReturn:
    pickles = sorted(file.name for pattern in PICKLES for file in folder.glob(pattern))
    if pickles:
        raise CheckpointError(
            f"{folder} holds its weights in {pickles[0]}, a pickle; opening one can run any program hidden in it.",
            f"Choose a version of the model in safetensors format{elsewhere and f', such as {elsewhere}'}.",
        )
    raise CheckpointError(
        f"{folder} holds no weights: model.safetensors is missing.",
        "Let the download finish, or choose a folder with model.safetensors.",
    )


def stored_in(folder: Path, elsewhere: str = "") -> dict[str, Stored]:
    """Return every tensor in the files of ``folder``, by name; see weight_files. Raises CheckpointError."""
    return headers_of(weight_files(folder, elsewhere))


def headers_of(files: Iterable[Path]) -> dict[str, Stored]:
    """Return every tensor in ``files``, by name; raises CheckpointError for one that is damaged."""
    stored: dict[str, Stored] = {}
    for file in files:
        try:
            listed, _ = header_of(file)
            stored |= {
                name: Stored(file, str(tensor["dtype"]), tuple(map(int, tensor["shape"])))
                for name, tensor in listed.items()
            }
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CheckpointError(f"{file} is damaged or not a safetensors file: {error}.", AGAIN) from error
    return stored
