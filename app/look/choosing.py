"""Asks for files and folders, starting in the folder used last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QDir, QSettings
from PySide6.QtWidgets import QFileDialog, QWidget

PLACE = "dialogs/folder"


def choose_files(parent: QWidget, title: str) -> list[Path]:
    """Ask for files to read; return an empty list if the person cancels."""
    names, _ = QFileDialog.getOpenFileNames(parent, title, str(last_place()))
    return [_noted(Path(name)) for name in names]


def choose_file(parent: QWidget, title: str, kinds: str) -> Path | None:
    """Ask for one file; return None if the person cancels. ``kinds`` is a Qt name filter, "Texts (*.txt)"."""
    name, _ = QFileDialog.getOpenFileName(parent, title, str(last_place()), kinds)
    return _noted(Path(name)) if name else None


def choose_folder(parent: QWidget, title: str, begin: Path | None = None) -> Path | None:
    """Ask for a folder; return None if the person cancels. ``begin`` replaces the folder to start in."""
    name = QFileDialog.getExistingDirectory(parent, title, str(_existing(begin) or last_place()))
    if not name:
        return None
    _note(Path(name).parent)
    return Path(name)


def choose_target(parent: QWidget, title: str, name: str, filters: Sequence[str]) -> tuple[Path, str] | None:
    """Ask where to write a file; return the path and the filter chosen. ``name`` is the suggested file name."""
    path, chosen = QFileDialog.getSaveFileName(parent, title, str(last_place() / name), ";;".join(filters))
    return (_noted(Path(path)), chosen) if path else None


def last_place() -> Path:
    """Return the folder something was last chosen in, in this run or an earlier one; the home folder at first."""
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
