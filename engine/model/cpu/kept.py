"""Keeps machine code on disk between starts, as compiling takes longer than anything else of a first answer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import platformdirs

FILES = 8  # kept at most: processors that share a home, and versions side by side
DIGEST = 32  # bytes before the code, by which damage is noticed


def kept(what: bytes, make: Callable[[], bytes]) -> bytes:
    """Return the code made of ``what``: as it was kept, or from ``make`` where nothing whole was. No disk is needed."""
    folder = platformdirs.user_cache_path("updraft", appauthor=False) / "kernels"
    file = folder / f"cpu-{sha256(what).hexdigest()}.o"
    with suppress(OSError):
        held = file.read_bytes()
        if sha256(held[DIGEST:]).digest() == held[:DIGEST]:
            return held[DIGEST:]
    made = make()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        _replace(file, sha256(made).digest() + made)
        for old in sorted(folder.glob("cpu-*.o"), key=lambda each: each.stat().st_mtime)[:-FILES]:
            old.unlink()
    return made


def _replace(file: Path, content: bytes) -> None:
    """Write ``file`` in one step, so that a start beside this one reads all of it or nothing."""
    handle, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
