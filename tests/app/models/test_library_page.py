"""The library page over real folders."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.models.deletion import consequences
from app.models.library import Installed, Listing, ModelLibrary, Offer
from app.models.library_page import LibraryPage
from app.talk.chat import Chat
from app.threads.failure import Failure
from engine.config import ModelSet
from tests.app.models.conftest import POCKET, pocket_head
from tests.engine.library.hub import FakeHub
from tests.engine.library.test_drafters import folder_of

WEIGHTS = "model.safetensors"


@pytest.fixture
def page(qtbot: QtBot, library: ModelLibrary, chat: Chat, tmp_path: Path) -> LibraryPage:
    """The page over a library with one imported model."""
    source = tmp_path / "stick" / "tiny"
    shutil.copytree(POCKET, source)
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
    assert size == "746 kB"
    assert page.check.isEnabled()


def test_damage_is_found_and_said(page: LibraryPage, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: a flipped bit that goes unnoticed, or whose finding tells nobody what to do."""
    page.verify()
    qtbot.waitUntil(lambda: "files are as they were" in page.task_status.status.text())
    weights = next(library.folder.rglob(WEIGHTS))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()  # it is linked to where it was imported from
    weights.write_bytes(content)
    page.verify()
    qtbot.waitUntil(page.task_status.alert.isVisible, timeout=20_000)
    assert WEIGHTS in page.task_status.alert.sentence.text()
    assert page.task_status.alert.hint.text()


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
    qtbot.waitUntil(page.task_status.alert.isVisible)
    assert page.task_status.alert.hint.text()


def test_an_imported_name_twice_is_refused(page: LibraryPage, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: an import that overwrites another model of the same name."""
    page.take_in(tmp_path / "stick" / "tiny")
    qtbot.waitUntil(page.task_status.alert.isVisible)
    assert "already" in page.task_status.alert.sentence.text()


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
    qtbot.waitUntil(page.task_status.alert.isVisible)
    assert "Connect its drive" in page.task_status.alert.hint.text()
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


def test_a_model_gets_a_name_and_is_chatted_with_under_it(page: LibraryPage, qtbot: QtBot) -> None:
    """Guards: a model called after its folder for ever; a model in the list that cannot be used from there."""
    model = page.chosen()
    assert isinstance(model, Installed)
    page.rename(model, "Pocket")
    qtbot.waitUntil(lambda: row(page)[0] == "Pocket" and page.use.isEnabled())
    assert page.task_status.status.text() == "It is now called Pocket."
    with qtbot.waitSignal(page.use_wanted) as wanted:
        page.use.click()
    assert wanted.args is not None
    assert wanted.args[0].name == "Pocket"
    assert wanted.args[0].target == model.folder


def test_two_versions_of_a_name_are_told_apart(page: LibraryPage, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: two rows of one name, both marked, so that nobody knows which of them Delete takes."""
    listings: list[Listing] = []
    library.listed.connect(listings.append)
    library.look()
    qtbot.waitUntil(lambda: bool(listings))
    (model,) = listings[-1].models
    both = (model, replace(model, revision="f" * 40, added=model.added + 60))
    page._show(replace(listings[-1], models=both))
    names = [page.table.topLevelItem(at).text(0) for at in (0, 1)]  # type: ignore[union-attr]
    assert names[0] != names[1]
    for each in both:
        page.table.pick(each.key)
        page._show(replace(listings[-1], models=both))
        assert len(page.table.selectedItems()) == 1
        assert page.chosen() == each


def test_what_was_found_goes_with_its_row(page: LibraryPage, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: “all files are right” beside another model than the one that was looked at."""
    page.verify()
    qtbot.waitUntil(lambda: page.task_status.idle and page.task_status.status.text().startswith("tiny: all"))
    listing = page._listing
    assert listing is not None
    page._show(replace(listing, models=(*listing.models, replace(listing.models[0], revision="f" * 40))))
    assert page.task_status.status.text()
    page.table.pick(f"local/tiny@{'f' * 40}")
    assert not page.task_status.status.text()


def test_no_button_moves_while_something_is_said(page: LibraryPage, qtbot: QtBot) -> None:
    """Guards: a click that misses Delete, or hits another button, because a line appeared above it."""
    buttons = (page.get, page.take, page.shift, page.use, page.name, page.check, page.delete, page.go_on)
    before = [button.mapTo(page, QPoint(0, 0)) for button in buttons]
    page.task_status.complain(Failure("Something that takes a line. " * 6, "And a hint. " * 9))
    qtbot.wait(1)
    assert [button.mapTo(page, QPoint(0, 0)) for button in buttons] == before
    page.verify()
    qtbot.wait(1)
    assert [button.mapTo(page, QPoint(0, 0)) for button in buttons] == before
    qtbot.waitUntil(lambda: page.task_status.idle)


def test_deleting_says_what_it_means(library: ModelLibrary, hub: FakeHub, qtbot: QtBot, chat: Chat) -> None:
    """Guards: a draft deleted unawares, after which its whole set is gone; a loaded model deleted like any other."""
    fetch(library, "smollm2", qtbot)
    listings: list[Listing] = []
    library.listed.connect(listings.append)
    library.look()
    qtbot.waitUntil(lambda: bool(listings))
    draft = next(model for model in listings[-1].models if "135M" in model.repository)
    told = " ".join(consequences(draft, listings[-1], used=True, answering=True))
    assert "in use: the answer being written ends" in told
    assert "SmolLM2 1.7B" in told
    assert "HuggingFaceTB/SmolLM2-1.7B-Instruct stay and can be used alone." in told
    whole = " ".join(consequences(replace(draft, repository="other/model"), listings[-1], used=False, answering=False))
    assert "in use" not in whole
    assert "cannot be used" not in whole


def test_what_is_damaged_is_fetched_from_its_row(library: ModelLibrary, hub: FakeHub, qtbot: QtBot, chat: Chat) -> None:
    """Guards: “get the model again” that leads round in a circle and asks the Hub for nothing."""
    fetch(library, "smollm2-135m", qtbot)
    made = LibraryPage(library, chat)
    qtbot.addWidget(made)
    made.show()
    library.look()
    qtbot.waitUntil(lambda: row(made)[4:] == ["Verified"])
    assert not made.go_on.isEnabled()
    weights = next(library.folder.rglob(WEIGHTS))
    weights.chmod(0o644)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()
    weights.write_bytes(content)
    made.verify()
    qtbot.waitUntil(lambda: made.task_status.idle and row(made)[4:] == ["Not complete"], timeout=20_000)
    assert made.task_status.alert.sentence.text().startswith("Damaged in ")
    before = len(hub.asked("/blobs/"))
    made.go_on.click()
    qtbot.waitUntil(lambda: row(made)[4:] == ["Verified"], timeout=20_000)
    assert len(hub.asked("/blobs/")) > before


def fetch(library: ModelLibrary, name: str, qtbot: QtBot) -> None:
    """Download a set of the catalogue."""
    offers: list[Offer] = []
    library.survey(4096).finished.connect(lambda survey: offers.extend(survey.offers))
    qtbot.waitUntil(lambda: bool(offers))
    with qtbot.waitSignal(library.downloads.ended, timeout=30_000):
        assert library.downloads.get(next(offer for offer in offers if offer.name == name)) is None


def test_a_drafter_is_added_to_the_model_picked(
    page: LibraryPage, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a drafter listed as a model to chat with, one that the model in use never gets, one nobody can remove."""
    model = page.chosen()
    assert isinstance(model, Installed)
    used = ModelSet.alone(model.name, model.folder)
    monkeypatch.setattr(Chat, "models", property(lambda _: used))
    with qtbot.waitSignal(page.use_wanted) as wanted:
        page.adding.take_in(folder_of(tmp_path / "given", pocket_head()), model)
    assert wanted.args
    again = wanted.args[0]
    assert (again.name, set(again.models)) == (used.name, {"target", "head"})
    assert "Choose EAGLE-3 above the chat" in page.task_status.status.text()
    page.table.pick("local/given@imported")
    drafter = page.chosen()
    assert isinstance(drafter, Installed)
    assert (drafter.role, drafter.serves) == ("head", ("local/tiny",))
    assert not page.use.isEnabled()
    assert not page.draft.isEnabled()
    item = page.table.selectedItems()[0]
    assert item.text(4) == "Drafter, imported"
    assert "Guesses ahead for local/tiny" in item.toolTip(0)
    page.ask_delete()
    box = page.deletion.box
    assert box is not None
    assert "tiny can no longer be drafted for by it" in box.informativeText()
    box.close()
    page.table.pick(model.key)
    assert page.draft.isEnabled()
    page.adding.take_in(tmp_path / "stick" / "tiny", model)
    qtbot.waitUntil(page.task_status.alert.isVisible)
    assert "holds no drafter" in page.task_status.alert.sentence.text()
