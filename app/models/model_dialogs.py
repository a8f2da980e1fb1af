"""The Model menu, and the wizard, library page and question about a dropped model that it and the window open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QMenu, QMessageBox, QWidget

from app.look.box import Box
from app.models.downloads_at_closing import DownloadsAtClosing
from app.models.library import Listing, ModelLibrary, is_drafter, starter_models
from app.models.library_page import LibraryPage
from app.models.wizard.wizard import Wizard
from app.talk.chat import Chat
from app.talk.standing import Engine
from engine.config import ModelSet

MENU = "&Model"
_ACCEPT = QMessageBox.ButtonRole.AcceptRole
SEEN = "wizard/seen"  # in the settings


class OffersModels(Protocol):
    """Where model sets are offered."""

    def offer(
        self, library: tuple[ModelSet, ...], find: Callable[[str], ModelSet | None], larger: Mapping[Path, str]
    ) -> None:
        """Offer ``library`` beside the sets that came otherwise; see ModelPicker."""

    def open(self, models: ModelSet) -> None:
        """Load ``models``."""

    def open_folder(self, folder: Path) -> None:
        """Load the models in ``folder`` and offer them from now on."""


class ModelDialogs(QObject):
    """Opens the wizard and the library page over ``window``. ``settings`` remember whether the wizard was seen.

    ``length_chosen`` carries the length of a chat that was chosen in the wizard, ``teach_wanted`` a set to be taught.
    """

    length_chosen = Signal(int)
    teach_wanted = Signal(object)  # ModelSet

    def __init__(
        self, window: QMainWindow, picker: OffersModels, library: ModelLibrary, chat: Chat, settings: QSettings
    ) -> None:
        super().__init__(window)
        self._window, self._picker, self._settings = window, picker, settings
        self.library, self.chat = library, chat
        self._wizard: Wizard | None = None
        self._page: LibraryPage | None = None
        self._greet = False
        self._listing: Listing | None = None
        self._question_of_folder: QMessageBox | None = None
        self.closing = DownloadsAtClosing(window, library.downloads, settings)
        self.menu = self._make_menu()
        library.listed.connect(self._list)
        chat.engine_changed.connect(self._note_use)

    def start(self, *, greet: bool = True, again: bool = False) -> None:
        """List what is there and go on with downloads; ``greet`` as well, once that is listed, or ``again``."""
        self.library.downloads.go_on()
        self.library.look()
        if greet:
            self.greet(again=again)

    def greet(self, *, again: bool = False) -> None:
        """Open the wizard where there are no models, as soon as that is known; once, or ``again``."""
        self._greet = again or not self._settings.value(SEEN, False, bool)
        if self._listing is not None:
            self._greet_now(self._listing)

    def end(self) -> None:
        """Close the library; a download goes on by itself where that was chosen. A trial leaves nothing behind."""
        if self._wizard is not None:
            self._wizard.trial_page.trial.clear()
        self.closing.end()
        self.library.close(leave_running=self.closing.leave_running)

    @property
    def wizard(self) -> Wizard | None:
        """The wizard while it is open."""
        return self._wizard

    @property
    def page(self) -> LibraryPage:
        """The library page, made when it is first wanted."""
        if self._page is None:
            self._page = LibraryPage(self.library, self.chat, self._window, closing=self.closing.choice)
            self._page.use_wanted.connect(self.use)
            self._page.teach_wanted.connect(self.teach_wanted)
            self._page.get_wanted.connect(self.open_wizard)
            self._page.closing_chosen.connect(self.closing.choose)
        return self._page

    def open_wizard(self) -> None:
        """Open the wizard, or bring it to the front."""
        if self._wizard is None:
            self._wizard = Wizard(self.library, self.chat, self._window)
            self._wizard.left.connect(self._left)
            self._wizard.length_chosen.connect(self.length_chosen)
        bring_up(self._wizard)

    def told(self) -> bool:
        """Tell whether the wizard is there to say that a download is done."""
        return self._wizard is not None and self._wizard.isVisible()

    def ask_folder(self, folder: Path) -> None:
        """Ask what is to be done with a model dropped on the window: opened where it lies, or imported.

        A GGUF file can only be imported, and a drafter.
        """
        packed, drafter = folder.suffix.lower() == ".gguf", is_drafter(folder)
        more = "Import it to keep it in Models, also when this folder goes; or chat with it from where it is."
        more = "Import it to chat with it. The file itself stays as it is." if packed else more
        more = "Import it, and it guesses ahead for the model that it was made for." if drafter else more
        box = Box("Model", f"“{folder.name}” is a {'drafter' if drafter else 'model'}.", more, self._window)
        take = box.addButton("Import", _ACCEPT)
        look = None if packed or drafter else box.addButton("Chat with it", _ACCEPT)
        box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.setDefaultButton(look or take)
        take.clicked.connect(lambda: self.open_library().take_in(folder))
        if look is not None:
            look.clicked.connect(lambda: self._picker.open_folder(folder))
        self._question_of_folder = box
        box.open()

    def use(self, models: ModelSet | None) -> None:
        """Chat with ``models``, or with the starter."""
        self._picker.open(models or starter_models())

    def open_library(self) -> LibraryPage:
        """Open the library page, and return it."""
        self.library.look()
        bring_up(self.page)
        return self.page

    def _left(self) -> None:
        self._settings.setValue(SEEN, True)
        if self._wizard is not None:
            self._wizard.deleteLater()
            self._wizard = None

    def _list(self, listing: Listing) -> None:
        self._picker.offer(tuple(listing.sets.values()), listing.find, listing.larger)
        self._listing = listing
        self._greet_now(listing)

    def _greet_now(self, listing: Listing) -> None:
        if self._greet:
            self._greet = False
            if not listing.models:
                self.open_wizard()

    def _note_use(self) -> None:
        if self.chat.engine is Engine.READY and self.chat.models is not None:
            self.library.mark_used(self.chat.models)

    def _make_menu(self) -> QMenu:
        bar = self._window.menuBar()
        menu = next((menu for menu in bar.findChildren(QMenu) if menu.title() == MENU), None)
        if menu is None:
            menu = QMenu(MENU, self._window)
            bar.insertMenu(bar.actions()[-1], menu)
        self.get_action = _action(menu, "Get a model…", "Ctrl+Shift+M")
        self.get_action.triggered.connect(self.open_wizard)
        self.library_action = _action(menu, "Models…", "Ctrl+L")
        self.library_action.triggered.connect(self.open_library)
        return menu


def bring_up(window: QWidget) -> None:
    """Show ``window``, or bring it to the front."""
    if window.isVisible():
        window.raise_()
    window.show()
    window.activateWindow()


def _action(menu: QMenu, text: str, keys: str) -> QAction:
    action = menu.addAction(text)
    action.setShortcut(keys)
    return action
