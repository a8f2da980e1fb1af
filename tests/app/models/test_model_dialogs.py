"""What joins the library to the window: greeting, menu, picker, and closing with a download under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QMainWindow, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.models.library import Installed, Listing, ModelLibrary, Offer
from app.models.model_dialogs import ModelDialogs
from app.talk.chat import Chat
from engine.config import ModelSet
from tests.app.models.conftest import pocket_head
from tests.app.plain import IN_FILE, shown
from tests.engine.library.hub import FakeHub, Fault
from tests.engine.library.test_drafters import folder_of

WEIGHTS = "model.safetensors"


class Shell(QMainWindow):
    """A window with a menu bar and a list of what it was given to offer."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: list[tuple[ModelSet, ...]] = []
        self.menuBar().addMenu("&Help")

    def offer(self, library: tuple[ModelSet, ...], _find: object = None, _larger: object = None) -> None:
        self.offered.append(library)

    def open(self, models: ModelSet) -> None:
        self.opened = models

    def open_folder(self, folder: Path) -> None:
        """Take a folder, of which nothing is shown."""


Begin = Callable[..., tuple[Shell, ModelDialogs]]


@pytest.fixture
def begin(qtbot: QtBot, library: ModelLibrary, chat: Chat, settings: QSettings) -> Iterator[Begin]:
    """Open a window with the Model menu."""
    made: list[ModelDialogs] = []

    def start(*, greet: bool = True) -> tuple[Shell, ModelDialogs]:
        shell = Shell()
        qtbot.addWidget(shell)
        dialogs = ModelDialogs(shell, shell, library, chat, settings)
        made.append(dialogs)
        shell.show()
        dialogs.start(greet=greet)
        return shell, dialogs

    yield start
    for dialogs in made:
        dialogs.end()


def download(library: ModelLibrary, hub: FakeHub, qtbot: QtBot, speed: int = 400_000) -> None:
    """Have a download under way, slow at first (bytes a second)."""
    hub.faults += [Fault("slow", WEIGHTS, at=speed, times=9)]
    offers: list[Offer] = []
    library.survey(4096).finished.connect(lambda survey: offers.extend(survey.offers))
    qtbot.waitUntil(lambda: bool(offers))
    assert library.downloads.get(next(offer for offer in offers if offer.name == "smollm2")) is None
    qtbot.waitUntil(lambda: bool(library.downloads.jobs) and library.downloads.jobs[0].have > 0, timeout=10_000)


def test_a_folder_that_is_dropped_is_called_as_it_is(begin: Begin) -> None:
    """Guards: a picture in a folder's name that is opened."""
    shell, dialogs = begin()
    dialogs.ask_folder(Path(IN_FILE))
    box = dialogs._question_of_folder
    assert box is not None
    assert f"“{IN_FILE}” is a model." in shown([*shell.findChildren(QWidget), *box.findChildren(QWidget)])
    box.reject()


@pytest.mark.parametrize("name", ["tiny.gguf", "drafter"])
def test_what_is_no_folder_of_a_model_can_only_be_imported(begin: Begin, tmp_path: Path, name: str) -> None:
    """Guards: a file, or a drafter, that is opened as if it were a folder with a model in it."""
    _, dialogs = begin()
    folder_of(tmp_path / "drafter", pocket_head())
    dialogs.ask_folder(tmp_path / name)
    box = dialogs._question_of_folder
    assert box is not None
    assert {button.text().replace("&", "") for button in box.buttons()} == {"Import", "Cancel"}
    box.reject()


def press(dialogs: ModelDialogs, text: str, *, always: bool = False) -> None:
    box = dialogs.closing.question
    assert isinstance(box, QMessageBox)
    tick = box.checkBox()
    assert tick is not None
    tick.setChecked(always)
    next(button for button in box.findChildren(QAbstractButton) if button.text() == text).click()


def test_the_wizard_greets_once(begin: Begin, qtbot: QtBot, settings: QSettings) -> None:
    """Guards: a first start that says nothing of models, and later ones that say it again."""
    _, dialogs = begin()
    qtbot.waitUntil(lambda: dialogs.wizard is not None)
    assert dialogs.wizard is not None
    dialogs.wizard.reject()
    qtbot.waitUntil(lambda: dialogs.wizard is None)
    shell, dialogs = begin()
    qtbot.waitUntil(lambda: bool(shell.offered))
    assert dialogs.wizard is None
    dialogs.get_action.trigger()
    assert dialogs.wizard is not None


def test_the_wizard_waits_for_the_first_run(begin: Begin, qtbot: QtBot) -> None:
    """Guards: a wizard over the answer that is shown at the first start; one that never comes afterwards."""
    _, dialogs = begin(greet=False)
    qtbot.waitUntil(lambda: dialogs._listing is not None)
    assert dialogs.wizard is None
    dialogs.greet()
    assert dialogs.wizard is not None


def test_answers_to_a_wizard_that_is_gone_go_nowhere(begin: Begin, library: ModelLibrary, qtbot: QtBot) -> None:
    """Guards: a slow Hub that answers a wizard closed meanwhile, which then writes into widgets that are gone."""
    _, dialogs = begin()
    qtbot.waitUntil(lambda: dialogs.wizard is not None)
    wizard = dialogs.wizard
    assert wizard is not None
    wizard.next()
    wizard.model_page.address.setText("ada/nothing")
    wizard.model_page.search.look_up()
    wizard.licence_page.token.setText("hf_wrong")
    wizard.licence_page.sign_in()
    tasks = library._tasks.under_way
    wizard.reject()
    del wizard
    qtbot.waitUntil(lambda: all(task.ended for task in tasks), timeout=10_000)


def test_closing_asks_about_a_download(begin: Begin, library: ModelLibrary, hub: FakeHub, qtbot: QtBot) -> None:
    """Guards: a download that dies silently with the window, or a window that cannot be kept open after all."""
    shell, dialogs = begin()
    download(library, hub, qtbot)
    assert not shell.close()
    press(dialogs, "Stay")
    assert shell.isVisible()
    assert library.downloads.under_way
    assert not shell.close()
    press(dialogs, "Pause")
    qtbot.waitUntil(lambda: not shell.isVisible())
    assert not dialogs.closing.leave_running


def test_a_download_goes_on_without_the_window(
    begin: Begin, library: ModelLibrary, hub: FakeHub, qtbot: QtBot, settings: QSettings
) -> None:
    """Guards: “keep downloading” that does not; an answer to be remembered that is asked for again."""
    shell, dialogs = begin()
    download(library, hub, qtbot, speed=3_000_000)
    assert not shell.close()
    press(dialogs, "Keep downloading", always=True)
    qtbot.waitUntil(lambda: not shell.isVisible())
    hub.faults.clear()
    dialogs.end()
    qtbot.waitUntil(lambda: len(list(library.folder.rglob(WEIGHTS))) == 3, timeout=30_000)
    assert settings.value("downloads/closing") == "leave"
    assert dialogs.page.closing.box.currentText() == "Keep downloading"
    QTest.keyClick(dialogs.page.closing.box, Qt.Key.Key_Up)
    assert settings.value("downloads/closing") == "", "the answer cannot be taken back"


def test_what_is_installed_is_offered(begin: Begin, library: ModelLibrary, hub: FakeHub, qtbot: QtBot) -> None:
    """Guards: a finished download that only the next start finds."""
    shell, _ = begin()
    hub.faults += [Fault("cut", WEIGHTS, at=1000)]
    download(library, hub, qtbot, speed=20_000_000)
    listings: list[Listing] = []
    library.listed.connect(listings.append)
    qtbot.waitUntil(lambda: bool(shell.offered and shell.offered[-1]), timeout=60_000)
    offered = [models.name for models in shell.offered[-1]]
    assert offered == ["SmolLM2 1.7B", "SmolLM2 360M", "SmolLM2 135M"], "the smaller ones are sets of their own too"
    assert all(isinstance(model, Installed) and model.whole for model in listings[-1].models)
