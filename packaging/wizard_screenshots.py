"""Takes pictures of the wizard and the library page, page by page, over a Hub on loopback and the real engine.

python packaging/wizard_screenshots.py FOLDER

Writes machine, sets, access, browser, place, download, stalled, try, done, library and closing, dark and light, as
.webp files.
Works without a display, in the environment packaging/check.py makes.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import keyring
from camera import keep, rest, until
from PySide6.QtCore import QObject, QSettings, QThread, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget, QWizard

sys.path.insert(0, str(Path(__file__).parents[1]))

from app.conversations.archive import Archive
from app.look.theme import Choice, Theme
from app.models.library import Connection, ModelLibrary, Patience
from app.models.model_dialogs import ModelDialogs
from app.models.wizard.wizard import Wizard
from app.talk.chat import Chat
from app.talk.worker import EngineWorker, open_engine
from engine.config import PRESETS, ModelSet, Role
from engine.library import Library, starter_models
from tests.engine.library.conftest import MemoryKeyring
from tests.engine.library.hub import FakeHub, Fault, fake_hub

SET: dict[str, Role] = {"1.7B": "target", "360M": "qualifier", "135M": "draft"}
GATED = "facebook/layerskip-llama3.2-1B"
WEIGHTS, INDEX = "model-0000", "model.safetensors.index.json"
PATIENCE = 60_000  # ms


class Shell(QMainWindow):
    """The least of a window that ModelDialogs can be opened over."""

    def __init__(self) -> None:
        super().__init__()
        self.menuBar().addMenu("&Help")

    def offer(self, library: tuple[ModelSet, ...], _find: object = None, _larger: object = None) -> None:
        """Take the sets, of which no picture is made."""

    def open(self, models: ModelSet) -> None:
        """Take a set, of which no picture is made."""

    def open_folder(self, folder: Path) -> None:
        """Take a folder, of which nothing is shown."""


class Unread(QObject):
    """Takes the addresses a browser would be opened for."""

    @Slot(QUrl)
    def open(self, _: QUrl) -> None:
        """Open nothing."""


class Photographer:
    """Walks one wizard to its end and keeps pictures of it."""

    def __init__(self, theme: Theme, hub: FakeHub, folder: Path, choice: Choice) -> None:
        theme.choose(choice)
        keyring.set_keyring(MemoryKeyring())  # nobody's real token
        self.hub, self.folder, self.choice = hub, folder, choice
        self.scratch = tempfile.TemporaryDirectory()
        home = Path(self.scratch.name)
        os.environ["HOME"] = str(home)  # nobody's own folders are told in a picture
        self.thread, self.worker = QThread(), EngineWorker(open_engine)
        self.worker.moveToThread(self.thread)
        self.thread.start()
        self.archive = Archive()
        self.archive.load()
        self.chat = Chat(self.worker, self.archive)
        self.chat.preset = PRESETS["hsd"]
        settings = QSettings(str(home / "settings.ini"), QSettings.Format.IniFormat)
        patience = Patience(quiet=0.5, silence=8, first=0.1, most=0.2)
        library = Library(home / "Updraft" / "models", home / "library.json")
        self.library = ModelLibrary(library, Connection(endpoint=hub.address), patience, spare=0)
        self.shell = Shell()
        self.dialogs = ModelDialogs(self.shell, self.shell, self.library, self.chat, settings)
        self.shell.show()
        self.dialogs.open_wizard()

    def take(self, name: str, widget: QWidget) -> None:
        """Keep a picture of ``widget`` as it stands."""
        rest(80)
        keep(widget, self.folder / f"wizard-{name}-{self.choice}.webp")

    def series(self) -> None:
        """Take every picture."""
        wizard = self.dialogs.wizard
        if wizard is None:
            sys.exit("The wizard did not open.")
        until(lambda: "free" in wizard.machine_page.values["Memory"].text())
        self.take("machine", wizard)
        wizard.next()
        until(lambda: bool(wizard.model_page.cards))
        self.take("sets", wizard)
        self._choose("layerskip-1b")
        wizard.next()
        self._licence(wizard)
        wizard.back()
        self._choose("smollm2")
        wizard.next()
        self._download(wizard)
        wizard.next()
        until(lambda: wizard.trial_page.tried)
        self.take("try", wizard)
        wizard.next()
        self.take("done", wizard)
        wizard.accept()
        self.dialogs.open_library()
        rest(300)
        self.take("library", self.dialogs.page)

    def _licence(self, wizard: Wizard) -> None:
        """Sign in, by a wrong token and by the browser."""
        page = wizard.licence_page
        until(lambda: "Not signed in" in page.status.text())
        page.token.setText("hf_stranger")
        page.sign_in()
        until(page.alert.isVisible)
        self.take("access", wizard)
        page.sign_in_by_browser()
        until(page.code.isVisible)
        self.take("browser", wizard)
        page.stop()
        until(page.browser.isEnabled)

    def _download(self, wizard: Wizard) -> None:
        """Choose the place, and download over a line that is slow and then silent."""
        following, page = wizard.button(QWizard.WizardButton.NextButton), wizard.download_page
        until(following.isEnabled)
        self.take("place", wizard)
        self.hub.faults[:] = [Fault("slow", WEIGHTS, at=4_000_000), Fault("stall", WEIGHTS, at=2_000_000)]
        wizard.next()
        until(lambda: page.job is not None and "left" in page.job.figures.text())
        self.take("download", wizard)
        self.shell.close()
        self.take("closing", self.shell.findChildren(QWidget, "qt_msgbox_label")[0].window())
        until(lambda: page.job is not None and page.job.state == "stalled")
        self.take("stalled", wizard)
        self.dialogs.open_library()
        rest(300)
        self.take("library-downloading", self.dialogs.page)
        until(following.isEnabled)

    def _choose(self, name: str) -> None:
        wizard = self.dialogs.wizard
        for card in wizard.model_page.cards if wizard else ():
            card.choice.setChecked(card.offer.name == name)

    def leave(self) -> None:
        """Close everything."""
        self.dialogs.end()
        self.chat.leave()
        self.thread.wait(PATIENCE)
        self.archive.end()
        self.scratch.cleanup()


def published(folder: Path) -> dict[str, bytes]:
    """Return the files of a model of the starter's, by the names that the Hub's have."""
    shards = sorted(path.name for path in folder.glob("*.safetensors"))
    names = {name: f"{WEIGHTS}{at}-of-0000{len(shards)}.safetensors" for at, name in enumerate(shards, start=1)}
    index = (folder / INDEX).read_text("utf-8")
    for before, after in names.items():
        index = index.replace(f'"{before}"', f'"{after}"')
    files = {names.get(path.name, path.name): path.read_bytes() for path in folder.iterdir()}
    return files | {INDEX: index.encode()}


def main() -> None:
    """Take the pictures in both themes."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication(["updraft"])
    unread = Unread()
    QDesktopServices.setUrlHandler("http", unread, "open")  # type: ignore[arg-type] # the stub asks for bytes, the call for str
    theme = Theme(app)
    with fake_hub() as hub:
        for size, role in SET.items():
            files = published(starter_models().models[role])
            hub.publish(f"HuggingFaceTB/SmolLM2-{size}-Instruct", files)
        hub.publish(GATED, files, gated=True)
        choices: tuple[Choice, ...] = ("dark", "light")
        for choice in choices:
            photographer = Photographer(theme, hub, folder, choice)
            photographer.series()
            photographer.leave()


if __name__ == "__main__":
    main()
