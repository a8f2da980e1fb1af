"""Asks for files and folders, beginning where the last ones were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QDir, QSettings
from PySide6.QtWidgets import QFileDialog, QWidget

PLACE = "dialogs/folder"


def choose_files(parent: QWidget, title: str) -> list[Path]:
    """Return the files chosen for reading; none if the person changes their mind."""
    names, _ = QFileDialog.getOpenFileNames(parent, title, str(last_place()))
    return [_noted(Path(name)) for name in names]


def choose_file(parent: QWidget, title: str, kinds: str) -> Path | None:
    """Return the file chosen, None if the person changes their mind. ``kinds``: as Qt writes them, "Texts (*.txt)"."""
    name, _ = QFileDialog.getOpenFileName(parent, title, str(last_place()), kinds)
    return _noted(Path(name)) if name else None


def choose_folder(parent: QWidget, title: str, begin: Path | None = None) -> Path | None:
    """Return the folder chosen, None if the person changes their mind. ``begin``: where to begin if not there."""
    name = QFileDialog.getExistingDirectory(parent, title, str(_existing(begin) or last_place()))
    if not name:
        return None
    _note(Path(name).parent)
    return Path(name)


def choose_target(parent: QWidget, title: str, name: str, filters: Sequence[str]) -> tuple[Path, str] | None:
    """Return where a file is to be written and the filter chosen; ``name``: what it is called unless changed."""
    path, chosen = QFileDialog.getSaveFileName(parent, title, str(last_place() / name), ";;".join(filters))
    return (_noted(Path(path)), chosen) if path else None


def last_place() -> Path:
    """Return the folder in which something was chosen last, in this run or an earlier one; at first the home folder."""
    kept = str(_settings().value(PLACE, ""))
    return (_existing(Path(kept)) if kept else None) or Path(QDir.homePath())


def _noted(path: Path) -> Path:
    _note(path.parent)
    return path


def _note(folder: Path) -> None:
    _settings().setValue(PLACE, str(folder))


def _existing(folder: Path | None) -> Path | None:
    try:
        return folder if folder is not None and folder.is_dir() else None
    except OSError:
        return None


def _settings() -> QSettings:
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "Updraft", "Updraft")
