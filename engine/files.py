"""Files: those of a model folder from anywhere, read with care, for they may be huge, endless or no files; and ours.

What Updraft keeps for itself is replaced in one step.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError

AGAIN = "Download the model again."
LARGEST = 64 << 20  # bytes of JSON; the index of a model of 1,000 shards has a twentieth of that


def present(file: Path) -> bool:
    """Tell whether ``file`` is there.

    Raises CheckpointError for a link that leads nowhere, and for what cannot be read to its end, such as a pipe.
    """
    try:
        kind = file.stat().st_mode
    except FileNotFoundError:
        if file.is_symlink():
            raise CheckpointError(
                f"{file} is a link to {file.readlink()}, which is not there.",
                "What it was linked to has been moved or deleted: download the model again.",
            ) from None
        return False
    except (OSError, ValueError) as error:  # no permission, a loop of links, a name that no file can have
        raise CheckpointError(f"{file} cannot be read: {error}.", AGAIN) from error
    if not stat.S_ISREG(kind):
        raise CheckpointError(f"{file} is not a file.", "Remove what is there, and download the model again.")
    return True


def read_object(file: Path) -> dict[str, Any]:
    """Return the JSON object in ``file``; raises CheckpointError where there is none."""
    if not present(file):
        raise CheckpointError(
            f"{file.parent} is not a model folder: it has no {file.name}.",
            "Choose the folder that holds config.json and model.safetensors.",
        )
    try:
        return object_in(_bytes_of(file))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}.", AGAIN) from error


def read_value(file: Path) -> Any:
    """Return what ``file`` spells in JSON; raises CheckpointError, OSError or ValueError."""
    if not present(file):
        raise FileNotFoundError(file)
    return value_in(_bytes_of(file))


def object_in(raw: bytes) -> dict[str, Any]:
    """Return the JSON object ``raw`` spells, a byte order mark left aside; raises ValueError where it spells none."""
    value = value_in(raw)
    if not isinstance(value, dict):
        raise ValueError("it does not hold a JSON object")  # noqa: TRY004 - the callers' one kind of trouble
    return value


def value_in(raw: bytes) -> Any:
    """Return what ``raw`` spells in JSON; raises ValueError, for nesting without end as well."""
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def replace_file(file: Path, content: bytes, *, lasting: bool = False) -> None:
    """Replace ``file`` by ``content`` in one step: whoever reads it meanwhile, and a full disk, find the old one whole.

    ``lasting``: so that it survives a power cut as well, which takes a moment. Raises OSError.
    """
    fresh = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with fresh.open("wb") as written:
            written.write(content)
            if lasting:
                written.flush()
                os.fsync(written.fileno())
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _bytes_of(file: Path) -> bytes:
    size = file.stat().st_size
    if size > LARGEST:
        raise ValueError(f"{size:,} bytes are too many for it")
    return file.read_bytes()
