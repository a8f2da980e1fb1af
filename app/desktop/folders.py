"""Folders: opened in whatever this desktop shows them with, and told as people write them."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def show_folder(folder: Path | None) -> None:
    """Show ``folder``; None, as nothing is kept on disk: do nothing."""
    if folder is not None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def as_told(path: Path) -> str:
    """Return ``path`` as people write it: what lies in their home folder begins with ~ (not on Windows)."""
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if os.name == "posix" and path.is_relative_to(home) else str(path)
