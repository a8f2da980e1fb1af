"""What stands in the menus: every action of the window once, with the part that does it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QGuiApplication
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QTextEdit

from app.conversations.markup import last_code
from app.desktop.folders import show_folder
from app.look.theme import CHOICES, Choice
from app.menus import Keys, Menus, Role
from app.messages.clipboard import copy_answer
from app.parts import Parts
from app.remedies import Remedies
from app.settings.kinds import Unfit
from app.settings.options import OPTIONS

LONGEST_SEARCH = 80  # characters of a selection that are searched for


class MenuBar:
    """Fills ``menus`` with what ``parts`` and the ``window`` can do."""

    def __init__(self, menus: Menus, parts: Parts, remedies: Remedies, logs: Path, window: QMainWindow) -> None:
        self._menus, self._parts, self._remedies, self._logs, self._window = menus, parts, remedies, logs, window
        self.themes: dict[Choice, QAction] = {}
        self._fill_file()
        self._fill_edit()
        self._fill_view()
        self._fill_chat()
        self._fill_model()
        self._fill_help()
        for action, text in ((self._settings, "Settings"), (self._trash, "Trash")):
            parts.sidebar.add_foot(action, text)

    def _fill_file(self) -> None:
        add, menu, parts = self._menus.add, self._menus.file, self._parts
        self.new_chat = add(menu, "New chat", Keys.New, parts.chat.start_new)
        add(menu, "Attach text files…", "Ctrl+Shift+O", parts.files.choose)
        add(menu, "Export…", "Ctrl+Shift+E", parts.desk.choose_file)
        self._trash = add(menu, "Trash…", None, parts.dialogs.trash)
        menu.addSeparator()
        add(menu, "Close window", "Ctrl+W", self._window.close)
        add(menu, "Quit", "Ctrl+Q", self._window.close, Role.QuitRole)

    def _fill_edit(self) -> None:
        add, menu, find_bar = self._menus.add, self._menus.edit, self._parts.find_bar
        self._menus.texts.undo_else = self._parts.desk.toast.take_back
        menu.addSeparator()
        add(menu, "Find…", Keys.Find, self.find)
        add(menu, "Find next", Keys.FindNext, lambda: find_bar.step(1))
        add(menu, "Find previous", Keys.FindPrevious, lambda: find_bar.step(-1))
        menu.addSeparator()
        self._settings = add(menu, "Settings…", "Ctrl+,", self._parts.dialogs.settings, Role.PreferencesRole)

    def _fill_view(self) -> None:
        add, menu, inspector = self._menus.add, self._menus.view, self._parts.inspector
        menu.addActions(list(self._parts.toggles))
        menu.addActions([*inspector.views.values(), inspector.switch])
        self.search_chats = add(menu, "Search chats", "Ctrl+K", self._search_chats)
        menu.addSeparator()
        add(menu, "Larger", Keys.ZoomIn, lambda: self.zoom(1))
        add(menu, "Smaller", Keys.ZoomOut, lambda: self.zoom(-1))
        add(menu, "Normal size", "Ctrl+0", lambda: self.zoom(None))
        add(menu, "Full screen", "F11", self.fill_screen)
        self._fill_themes(menu.addMenu("Theme"))
        menu.addSeparator()
        add(menu, "Replay the answer", "Ctrl+Shift+P", inspector.replay)
        add(menu, "Jump to latest", "Ctrl+End", self._parts.transcript.jump_to_latest)

    def _fill_chat(self) -> None:
        add, menu, desk = self._menus.add, self._menus.chat, self._parts.desk
        self.stop = add(menu, "Stop", "Esc", self._parts.chat.stop)
        add(menu, "Retry", "Ctrl+R", self._remedies.retry)
        menu.addSeparator()
        add(menu, "Continue the answer", "Ctrl+Shift+Return", self._parts.chat.go_on)
        add(menu, "Regenerate the answer", "Ctrl+Shift+R", desk.answer_again)
        add(menu, "Edit the last question", "Ctrl+Shift+Up", desk.edit_last)
        menu.addSeparator()
        add(menu, "Copy the last answer", "Ctrl+Shift+C", self._copy_last)
        add(menu, "Copy the last code block", "Ctrl+Shift+;", self._copy_code)
        menu.addSeparator()
        add(menu, "Chat settings…", "Ctrl+Shift+,", self._parts.dialogs.chat_settings)

    def _fill_model(self) -> None:
        add, menu = self._menus.add, self._menus.model
        add(menu, "Open model folder…", Keys.Open, self._parts.picker.choose_folder)
        methods = menu.addMenu("Method")
        methods.addActions(list(self._parts.topbar.presets.values()))
        methods.setToolTipsVisible(True)
        menu.addSeparator()

    def _fill_help(self) -> None:
        add, menu, dialogs = self._menus.add, self._menus.help, self._parts.dialogs
        add(menu, "Keyboard shortcuts", "Ctrl+/", dialogs.shortcuts)
        add(menu, "Diagnostics…", None, dialogs.diagnostics)
        menu.addSeparator()
        add(menu, "Open data folder", None, lambda: show_folder(self._parts.chat.current.archive.folder))
        add(menu, "Open log folder", None, lambda: show_folder(self._logs))
        menu.addSeparator()
        add(menu, "About Updraft", None, dialogs.about, Role.AboutRole)

    def _fill_themes(self, menu: QMenu) -> None:
        group = QActionGroup(menu)
        for choice in CHOICES:
            action = self.themes[choice] = menu.addAction(choice.capitalize())
            action.setCheckable(True)
            action.triggered.connect(lambda _, chosen=choice: self._parts.preferences.change(theme=chosen))
            group.addAction(action)
        self.themes[self._parts.theme.choice].setChecked(True)

    # What needs more than one part

    def zoom(self, by: int | None) -> None:
        """Make the text larger or smaller by ``by`` pixels; None: as it was made."""
        option, preferences = OPTIONS["font_size"], self._parts.preferences
        size = option.default if by is None else preferences.settings.font_size + by
        with suppress(Unfit):  # as far as it goes
            preferences.change(font_size=option.kind.check(size))

    def fill_screen(self) -> None:
        """Use the whole screen, or no longer."""
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def find(self) -> None:
        """Search the conversation, for what is selected if that is short."""
        chosen = QApplication.focusWidget()
        words = chosen.textCursor().selectedText() if isinstance(chosen, QTextEdit) else ""
        self._parts.find_bar.open(words if len(words) <= LONGEST_SEARCH else "")

    def _copy_last(self) -> None:
        answers = self._parts.transcript.answers
        if answers:
            copy_answer(answers[-1].source())

    def _copy_code(self) -> None:
        for answer in reversed(self._parts.transcript.answers):
            if (code := last_code(answer.source())) is not None:
                QGuiApplication.clipboard().setText(code)
                return

    def _search_chats(self) -> None:
        if not self._parts.sidebar.isVisible():
            self._parts.columns.show_left(True)
        self._parts.sidebar.focus_search()
