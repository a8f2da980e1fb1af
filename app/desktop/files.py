"""Reads and writes files safely, Updraft's own and those of other programs."""

from __future__ import annotations

import os
from pathlib import Path


def regular(path: Path) -> bool:
    """Return whether ``path`` is a regular file: reading a pipe or a device might block."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def obstructed(path: Path) -> bool:
    """Return whether ``path`` exists but is no regular file, so that it can be neither read nor written."""
    try:
        return path.exists() and not path.is_file()
    except (OSError, ValueError):
        return False  # whatever is done with it next says what is wrong


def replace_text(path: Path, text: str, growing: Path) -> None:
    """Replace the file at ``path`` by ``text`` in one step, so that a full disk leaves the old file.

    Writes to ``growing`` first, a free name in the same folder, readable by this user only. Raises OSError.
    """
    try:
        growing.touch(0o600, exist_ok=False)
        with growing.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        growing.replace(path)
    except BaseException:
        growing.unlink(missing_ok=True)
        raise
