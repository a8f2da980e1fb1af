"""Help > Check for a newer version…: asks when a person wants to know, and says in a sentence what came of it."""

from __future__ import annotations

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QMainWindow, QMenu, QMessageBox

from app.look.box import Box
from app.models.library import ModelLibrary, Release
from app.threads.failure import Failure
from engine.version import VERSION

TEXT = "Check for a newer version…"
OFFLINE = "Updraft is offline, so it did not look for a newer version."


class NewerVersion(QObject):
    """The menu item, put into ``menu`` above ``before``, and its answer in a box over ``window``.

    ``address`` is where releases are announced. The box is ``box`` while it is shown.
    """

    def __init__(self, library: ModelLibrary, address: str, window: QMainWindow, menu: QMenu, before: QAction) -> None:
        super().__init__(window)
        self._library, self._address, self._window = library, address, window
        self.box: Box | None = None
        self.action = QAction(TEXT, self)
        self.action.setMenuRole(QAction.MenuRole.NoRole)
        self.action.triggered.connect(self.look)
        menu.insertAction(before, self.action)

    def look(self) -> None:
        """Ask, and show the answer when it is there. While Updraft is offline nothing is asked."""
        if self._library.offline:
            self._say(OFFLINE, f"This is version {VERSION}.")
            return
        self.action.setEnabled(False)  # it is being asked
        task = self._library.newest(self._address)
        task.finished.connect(self._tell)
        task.failed.connect(self._fail)
        task.over.connect(lambda: self.action.setEnabled(True))

    def _tell(self, newer: Release | None) -> None:
        if newer is None:
            self._say(f"This is the newest version, {VERSION}.")
            return
        box = self._say(f"There is a newer version, {newer.version}. This is {VERSION}.", newer.page)
        if newer.page:
            go = box.addButton("Open its page", QMessageBox.ButtonRole.AcceptRole)
            go.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(newer.page)))

    def _fail(self, failure: Failure) -> None:
        self._say(failure.sentence, failure.hint)

    def _say(self, sentence: str, more: str = "") -> Box:
        self.box = box = Box("Newer version", sentence, more, self._window, QMessageBox.Icon.Information)
        box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Close))
        box.finished.connect(box.deleteLater)
        box.open()
        return box
