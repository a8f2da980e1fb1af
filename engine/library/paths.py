"""Builds paths from names that come from outside, so that none leads out of its root."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TypeGuard

from engine.library.faults import LibraryError

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
LONGEST = 200  # bytes of a name; every file system takes 255, and a part file's ending is added


def is_commit(text: object) -> TypeGuard[str]:
    """Return whether ``text`` names a version as the Hub does: 40 hexadecimal digits, nothing else."""
    return isinstance(text, str) and bool(_COMMIT.fullmatch(text))


def is_plain(name: object) -> bool:
    """Return whether ``name`` can be a file in its own folder on every system; Windows keeps CON, NUL… for devices."""
    return (
        isinstance(name, str)
        and bool(name)
        and not _FORBIDDEN.search(name)
        and not _DEVICE.fullmatch(name.partition(".")[0].rstrip(" "))
        and name[-1] not in " ."
        and len(name.encode()) <= LONGEST
    )


def inside(root: Path, *parts: str) -> Path:
    """Return ``root``/``parts``, each a plain name; raises LibraryError (damaged) for one that is not."""
    for part in parts:
        if not is_plain(part):
            raise LibraryError(
                "damaged",
                f"“{part}” cannot be the name of a file or folder.",
                "Nothing was written. Choose another name or another model.",
            )
    return root.joinpath(*parts)


def delete(root: Path, folder: Path) -> None:
    """Delete ``folder``, which has to lie below ``root``; raises LibraryError (damaged) or OSError."""
    if folder == root or not folder.is_relative_to(root) or ".." in folder.parts[len(root.parts) :]:
        raise LibraryError(
            "damaged", f"{folder} does not lie in {root}.", "Nothing was deleted. Look at what the folder holds."
        )
    shutil.rmtree(folder)
