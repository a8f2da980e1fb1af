"""A GGUF file from the disk: chosen in a dialog, imported, and said what became of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf import GGMLQuantizationType as Kind
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.models.library import ModelLibrary
from app.models.library_page import LibraryPage
from app.talk.chat import Chat
from tests.engine.library.gguf.files import write


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file as people have them."""
    path = tmp_path / "Tiny-Chat.gguf"
    write(path, "llama", Kind.Q3_K)
    return path


def test_a_file_is_imported_from_a_dialog(
    qtbot: QtBot, library: ModelLibrary, chat: Chat, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: files that cannot be chosen where folders are asked for; a loss that nobody is told of."""
    asked: list[str] = []

    def choose(_parent: object, _title: str, _folder: str, kinds: str) -> tuple[str, str]:
        asked.append(kinds)
        return str(file), kinds

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    page = LibraryPage(library, chat)
    qtbot.addWidget(page)
    page.show()
    QTest.mouseClick(page.unpack, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.table.topLevelItemCount() == 1 and page.unpack.isEnabled(), timeout=20_000)
    assert "*.gguf" in asked[0]
    assert "compressed anew to 4 bits, with some loss" in page.task_status.status.text()
