"""Where file dialogs begin."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QDir, QSettings
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app.look import choosing


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Give the places dialogs began in; each one is answered with a file or folder in a folder of its own."""
    kept = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    monkeypatch.setattr(choosing, "_settings", lambda: kept)
    places: list[str] = []
    (tmp_path / "texts").mkdir()

    def files(_parent: object, _title: str, place: str) -> tuple[list[str], str]:
        places.append(place)
        return [str(tmp_path / "texts" / "a.txt")], ""

    def target(_parent: object, _title: str, place: str, _filters: str) -> tuple[str, str]:
        places.append(place)
        return "", ""

    def folder(_parent: object, _title: str, place: str) -> str:
        places.append(place)
        return str(tmp_path / "texts")

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", files)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", target)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", folder)
    return places


def test_dialogs_begin_where_the_last_one_ended(asked: list[str], tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: dialogs that open in whatever folder the program was started in, or forget where one was."""
    parent = QWidget()
    qtbot.addWidget(parent)
    assert choosing.choose_target(parent, "Export", "chat.md", ["Markdown (*.md)"]) is None
    assert choosing.choose_files(parent, "Attach") == [tmp_path / "texts" / "a.txt"]
    assert choosing.choose_target(parent, "Export", "chat.md", ["Markdown (*.md)"]) is None
    assert choosing.choose_folder(parent, "Models") == tmp_path / "texts"
    choosing.choose_folder(parent, "Models")
    choosing.choose_folder(parent, "Models", tmp_path / "texts")
    choosing.choose_folder(parent, "Models", tmp_path / "gone")
    home, texts = QDir.homePath(), str(tmp_path / "texts")
    assert asked == [
        str(Path(home) / "chat.md"), home, str(Path(texts) / "chat.md"), texts, str(tmp_path), texts, str(tmp_path),
    ]  # fmt: skip
