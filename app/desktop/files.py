"""Files of the program's own and of others, read and written with care."""

from __future__ import annotations

import os
from pathlib import Path


def regular(path: Path) -> bool:
    """Tell whether ``path`` is a file: not a folder, nor a pipe or device, at which reading and writing may wait."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def obstructed(path: Path) -> bool:
    """Tell whether something stands at ``path`` that is no file, so that it can neither be read nor written there."""
    try:
        return path.exists() and not path.is_file()
    except (OSError, ValueError):
        return False  # whatever is done with it next says what is wrong


def replace_text(path: Path, text: str, growing: Path) -> None:
    """Put ``text`` in the place of ``path`` in one step, so that a full disk leaves what was there.

    It is written to ``growing`` first, a free name in the same folder, which only this user can read. Raises OSError.
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
