"""Another folder for the models."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.models.library import Listing, ModelLibrary
from app.models.wizard.folder_page import FolderPage
from app.models.wizard.wizard_page import Plan
from tests.app.models.conftest import POCKET, answer


@pytest.fixture
def page(qtbot: QtBot, library: ModelLibrary) -> FolderPage:
    made = FolderPage(library, Plan())
    qtbot.addWidget(made)
    made.show()
    made.initializePage()
    return made


def test_an_empty_library_goes_where_it_is_sent(
    page: FolderPage, library: ModelLibrary, qtbot: QtBot, tmp_path: Path
) -> None:
    """Guards against a question where there is nothing to ask."""
    page.ask_move(tmp_path / "other")
    qtbot.waitUntil(lambda: library.folder == tmp_path / "other", timeout=10_000)


def test_models_are_moved_only_after_a_question(
    page: FolderPage, library: ModelLibrary, qtbot: QtBot, tmp_path: Path
) -> None:
    """Guards against a whole library moved by somebody who only wanted the next model elsewhere."""
    listings: list[Listing] = []
    library.listed.connect(listings.append)
    library.take_in(POCKET)
    qtbot.waitUntil(lambda: bool(listings and listings[-1].models), timeout=10_000)
    here, there = library.folder, tmp_path / "other"
    page.ask_move(there)
    qtbot.waitUntil(lambda: _asks(page))
    assert str(here.name) in answer(page, "Keep the present folder")
    assert library.folder == here
    page.ask_move(there)
    qtbot.waitUntil(lambda: _asks(page))
    answer(page, "Move them")
    assert not page.isComplete(), "a download could begin in the folder that is being left"
    assert page.halt.isVisible()
    qtbot.waitUntil(lambda: listings[-1].folder == there, timeout=10_000)
    assert not page.halt.isVisible()


def _asks(page: FolderPage) -> bool:
    return any(box.isVisible() for box in page.findChildren(QMessageBox))
