"""The library page over real folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.chat import Chat
from app.library import Installed, ModelLibrary
from app.wizard.library_page import LibraryPage
from tests.app.wizard.conftest import TINY

WEIGHTS = "model.safetensors"


@pytest.fixture
def page(qtbot: QtBot, library: ModelLibrary, chat: Chat, tmp_path: Path) -> LibraryPage:
    """The page over a library with one imported model."""
    source = tmp_path / "stick" / "tiny"
    shutil.copytree(TINY, source)
    made = LibraryPage(library, chat)
    qtbot.addWidget(made)
    made.show()
    made.take_in(source)
    qtbot.waitUntil(lambda: made.table.topLevelItemCount() == 1 and made.take.isEnabled())
    return made


def row(page: LibraryPage) -> list[str]:
    item = page.table.topLevelItem(0)
    return [] if item is None else [item.text(column) for column in range(5)]


def test_what_is_there_is_shown(page: LibraryPage) -> None:
    """Guards: sizes, use and state that are not those on disk."""
    name, size, _, used, state = row(page)
    assert (name, used, state) == ("tiny", "Never", "Imported")
    assert size == "6.2 MB"
    assert page.check.isEnabled()


def test_damage_is_found_and_said(page: LibraryPage, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: a flipped bit that goes unnoticed, or whose finding tells nobody what to do."""
    page.verify()
    qtbot.waitUntil(lambda: "files are what they were" in page.standing.status.text())
    weights = next(library.folder.rglob(WEIGHTS))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()  # it is linked to where it was imported from
    weights.write_bytes(content)
    page.verify()
    qtbot.waitUntil(page.standing.alert.isVisible)
    assert WEIGHTS in page.standing.alert.sentence.text()
    assert page.standing.alert.hint.text()


def test_deleting_asks_first(page: LibraryPage, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: gigabytes gone by a slip of the finger; a deleted model that is still offered."""
    for answer in ("Keep", "Delete"):
        QTest.keyClick(page.delete, Qt.Key.Key_Space)
        box = page.deletion.box
        assert box is not None
        assert "tiny" in box.text()
        buttons = {button.text(): button for button in box.findChildren(QAbstractButton)}
        assert box.defaultButton() is buttons["Keep"]
        buttons[answer].click()
        if answer == "Keep":
            assert list(library.folder.rglob(WEIGHTS))
    qtbot.waitUntil(lambda: page.table.topLevelItemCount() == 0)
    assert not list(library.folder.rglob(WEIGHTS))


def test_the_folder_moves_with_all_that_is_in_it(
    page: LibraryPage, library: ModelLibrary, qtbot: QtBot, tmp_path: Path
) -> None:
    """Guards: a move that leaves a model behind, keeps it twice, or is forgotten by the next start."""
    before, target = library.folder, tmp_path / "elsewhere"
    page.move_to(target)
    qtbot.waitUntil(lambda: str(target) in page.place.text() and page.shift.isEnabled())
    assert library.folder == target
    assert row(page)[0] == "tiny"
    chosen = page.chosen()
    assert isinstance(chosen, Installed)
    assert chosen.folder.is_relative_to(target)
    assert not list(before.rglob(WEIGHTS))
    page.move_to(target / "inside")
    qtbot.waitUntil(page.standing.alert.isVisible)
    assert page.standing.alert.hint.text()


def test_an_imported_name_twice_is_refused(page: LibraryPage, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: an import that overwrites another model of the same name."""
    page.take_in(tmp_path / "stick" / "tiny")
    qtbot.waitUntil(page.standing.alert.isVisible)
    assert "already" in page.standing.alert.sentence.text()


def test_a_drive_that_is_not_connected(page: LibraryPage, library: ModelLibrary, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: models that seem lost because their drive is away, buttons that then do harm, a drive not found again."""
    away = library.folder.rename(tmp_path / "unplugged")
    library.look()
    qtbot.waitUntil(lambda: "not connected" in page.place.text())
    assert row(page)[0] == "tiny"
    assert row(page)[4] == "Drive not connected"
    assert not page.check.isEnabled()
    assert not page.delete.isEnabled()
    page.take_in(tmp_path / "stick" / "tiny")
    qtbot.waitUntil(page.standing.alert.isVisible)
    assert "Connect its drive" in page.standing.alert.hint.text()
    assert not library.folder.exists(), "something was written where the drive belongs"
    away.rename(library.folder)
    library.look()
    qtbot.waitUntil(lambda: row(page)[4:] == ["Imported"])
    assert page.check.isEnabled()


def test_what_closing_means_can_be_changed(page: LibraryPage, qtbot: QtBot) -> None:
    """Guards: an answer remembered for ever because nothing shows it."""
    again = LibraryPage(page._library, page.deletion._chat, closing="pause")
    qtbot.addWidget(again)
    assert again.closing.box.currentText() == "Pause it"
    told: list[str] = []
    page.closing_chosen.connect(told.append)
    assert page.closing.box.currentText() == "Ask"
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Up):
        QTest.keyClick(page.closing.box, key)
    assert told == ["leave", "pause", "leave", ""]
