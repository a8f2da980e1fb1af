"""Opens the windows beside the main one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QDialog, QMainWindow
from shiboken6 import isValid

from app.composing.composer import SENDS
from app.conversations.archive import Archive
from app.conversations.trash_dialog import TrashDialog
from app.desktop.about import AboutDialog
from app.desktop.diagnosis import Facts, facts_here, written
from app.desktop.report import ReportDialog
from app.desktop.shortcuts import ShortcutsDialog
from app.desktop.whats_new import WhatsNewDialog
from app.menus import shortcuts_in
from app.models.library import starter_models
from app.settings.chat_settings_dialog import ChatSettingsDialog
from app.settings.dialog import SettingsDialog
from app.settings.fields import suggest
from app.settings.preferences import Preferences
from app.talk.chat import Chat
from engine.config import Chosen

Dialog = TypeVar("Dialog", bound=QDialog)


class Dialogs(QObject):
    """The dialogs of ``window``: made when wanted, gone when closed, each open once at most.

    ``engine_wanted`` asks the engine what it runs on; ``show_engine`` takes the answer.
    """

    engine_wanted = Signal()
    restored = Signal(object)  # Thrown: it is out of the trash
    forget_wanted = Signal()  # what drafters have learnt from the chats

    def __init__(self, window: QMainWindow, chat: Chat, archive: Archive, preferences: Preferences, logs: Path) -> None:
        super().__init__(window)
        self._window, self._chat, self._archive = window, chat, archive
        self._preferences, self._logs = preferences, logs
        self._open: dict[str, QDialog] = {}
        self.learnt: Callable[[], str] = str  # says what that is
        chat.traits_changed.connect(self._suggest)

    def acts(self) -> dict[str, Callable[[], object]]:
        """Return which item of the menus opens which dialog."""
        return {
            "Trash…": self.trash,
            "Settings…": self.settings,
            "Chat settings…": self.chat_settings,
            "Keyboard shortcuts": self.shortcuts,
            "Diagnostics…": self.diagnostics,
            "What's new": self.whats_new,
            "Licences": self.licences,
            "About Updraft": self.about,
        }

    def settings(self) -> SettingsDialog:
        """Show the settings."""
        dialog = self._show("settings", self._make_settings)
        dialog.learning.tell(self.learnt())
        return dialog

    def _make_settings(self) -> SettingsDialog:
        dialog = SettingsDialog(self._preferences, self._window, self._suggested)
        dialog.learning.forget_wanted.connect(self.forget_wanted)
        return dialog

    def show_learnt(self) -> None:
        """Let open settings say what has been learnt by now."""
        dialog = self._open.get("settings")
        if isinstance(dialog, SettingsDialog) and isValid(dialog):
            dialog.learning.tell(self.learnt())

    def chat_settings(self) -> ChatSettingsDialog:
        """Show the settings of the conversation shown."""
        current = self._chat.current
        return self._show("chat", lambda: ChatSettingsDialog(current, self._archive, self._window, self._suggested))

    @property
    def _suggested(self) -> Chosen:
        return self._chat.traits.sampling

    def _suggest(self) -> None:
        """Let open settings show what another model suggests."""
        for dialog in self._open.values():
            if isValid(dialog) and isinstance(dialog, SettingsDialog | ChatSettingsDialog):
                suggest(dialog.fields, self._suggested)

    def trash(self) -> TrashDialog:
        """Show what was deleted."""
        return self._show("trash", self._make_trash)

    def _make_trash(self) -> TrashDialog:
        dialog = TrashDialog(self._archive, self._window)
        dialog.restored.connect(self.restored)
        return dialog

    def shortcuts(self) -> ShortcutsDialog:
        """Show all shortcuts."""
        send = ("Composer", "Send", SENDS[self._preferences.settings.send_key])
        return self._show(
            "shortcuts", lambda: ShortcutsDialog((*shortcuts_in(self._window.menuBar()), send), self._window)
        )

    def whats_new(self) -> WhatsNewDialog:
        """Show what is new in each version."""
        return self._show("whats new", lambda: WhatsNewDialog(self._window))

    def about(self) -> AboutDialog:
        """Show version and licences."""
        return self._show("about", lambda: AboutDialog(starter_models().target, self._window))

    def licences(self) -> AboutDialog:
        """Show the licences, ready to be gone through by keyboard."""
        dialog = self.about()
        dialog.names.setFocus()
        return dialog

    def diagnostics(self) -> ReportDialog:
        """Show what Updraft runs on; the engine adds its part when it has the time."""
        sentence = "What Updraft runs on. Nothing of it is sent anywhere; copy it where you need it."
        dialog = self._show(
            "diagnostics", lambda: ReportDialog("Diagnostics", sentence, "", self._window, look=self.diagnostics)
        )
        dialog.show_text(self._diagnosis((("Engine", "has not answered yet"),)))
        self.engine_wanted.emit()
        return dialog

    def show_engine(self, facts: Facts) -> None:
        """Put the engine's part into the diagnostics, if they are open."""
        dialog = self._open.get("diagnostics")
        if isinstance(dialog, ReportDialog) and isValid(dialog):
            dialog.show_text(self._diagnosis(tuple(facts) or (("Engine", "no model is loaded"),)))

    def report(self, text: str) -> ReportDialog:
        """Show what a fault left behind."""
        sentence = "This is what is known of the fault. It stays on this computer; copy it if you want to report it."
        return self._show("report", lambda: ReportDialog("Fault report", sentence, text, self._window))

    def _diagnosis(self, engine: Facts) -> str:
        kept = self._archive.folder or Path("in memory")
        folders = {"Settings": self._preferences.file.path, "Data": kept, "Log": self._logs}
        return written((*facts_here(self._chat.models, folders), *engine))

    def _show(self, name: str, make: Callable[[], Dialog]) -> Dialog:
        known = self._open.get(name)
        if known is None or not isValid(known):
            known = self._open[name] = make()
            known.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if known.isVisible():
            known.raise_()
        known.show()
        known.activateWindow()
        return known  # type: ignore[return-value]
