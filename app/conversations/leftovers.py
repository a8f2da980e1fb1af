"""Tracks half-written exports in the data folder, to remove them at the next start after a kill. No Qt."""

from __future__ import annotations

import json
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.desktop.files import obstructed

NAME = "exports-begun.json"  # a list of paths
_OURS = re.compile(r"\.updraft-[0-9a-f]{16}\.part")


class Leftovers:
    """Lists the temporary files of exports in the data ``folder``; remembers nothing without one.

    Used by one thread. Where the list cannot be written, exports go on all the same.
    """

    def __init__(self, folder: Path | None) -> None:
        self._list = None if folder is None else folder / NAME

    @contextmanager
    def growing(self, target: Path) -> Iterator[Path]:
        """Yield a free name beside ``target`` to write to, and clean it up afterwards or at the next start."""
        part = target.absolute().with_name(f".updraft-{secrets.token_hex(8)}.part")
        self._keep([*self._kept(), part])
        try:
            yield part
        finally:
            self._keep([path for path in self._kept() if path != part])

    def sweep(self) -> None:
        """Remove what an earlier run left; keep entries on drives that are not connected for the next time."""
        kept = self._kept()
        if kept:
            self._keep([path for path in kept if not _removed(path)])

    def _kept(self) -> list[Path]:
        """Return the listed files that can be ours; an unreadable list counts as empty."""
        if self._list is None or obstructed(self._list):
            return []
        with suppress(OSError, ValueError, RecursionError):
            listed = json.loads(self._list.read_text("utf-8"))
            paths = [Path(path) for path in listed if isinstance(path, str)] if isinstance(listed, list) else []
            return [path for path in paths if path.is_absolute() and _OURS.fullmatch(path.name)]
        return []

    def _keep(self, paths: list[Path]) -> None:
        if self._list is None or obstructed(self._list):
            return
        with suppress(OSError):
            if paths:
                self._list.write_text(json.dumps([str(path) for path in paths]), "utf-8")
            else:
                self._list.unlink(missing_ok=True)


def _removed(path: Path) -> bool:
    """Remove a file, but no link or folder of that name, which is not ours; return False to try again later."""
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
    except FileNotFoundError:
        return path.parent.exists()
    except (OSError, ValueError):
        return False
    return True
