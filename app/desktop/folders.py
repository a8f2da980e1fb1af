"""Opens folders in the desktop's file manager, and shortens their paths for display."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def show_folder(folder: Path | None) -> None:
    """Open ``folder`` in the file manager; do nothing for None (nothing is kept on disk)."""
    if folder is not None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def as_told(path: Path) -> str:
    """Return ``path`` for display, with ~ for the home folder (not on Windows)."""
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if os.name == "posix" and path.is_relative_to(home) else str(path)
