"""Opens folders in whatever this desktop shows them with."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def show_folder(folder: Path | None) -> None:
    """Show ``folder``; None, as nothing is kept on disk: do nothing."""
    if folder is not None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
