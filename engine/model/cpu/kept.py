"""Keeps machine code on disk between starts, as compiling takes longer than anything else of a first answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

import platformdirs

from engine.files import replace_file

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
        replace_file(file, sha256(made).digest() + made)
        for old in sorted(folder.glob("cpu-*.o"), key=lambda each: each.stat().st_mtime)[:-FILES]:
            old.unlink()
    return made
