"""The menu bar: which actions stand where, with their standard shortcuts and, for macOS, their roles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QMenuBar, QPlainTextEdit, QTextEdit, QWidget

from app.look.theme import CHOICES, Choice
from app.settings.preferences import Preferences

Keys = QKeySequence.StandardKey
Role = QAction.MenuRole


@dataclass(frozen=True, slots=True)
class Item:
    """An action. Without ``role`` macOS leaves it where it stands."""

    text: str
    keys: Keys | str | None = None
    role: Role = Role.NoRole


@dataclass(frozen=True, slots=True)
class Group:
    """Actions that were made elsewhere; ``title``: they stand in a submenu of that name."""

    name: str
    title: str | None = None


LINE = None
MENUS: dict[str, tuple[Item | Group | None, ...]] = {
    "&File": (
        Item("New chat", Keys.New),
        Item("Attach text files…", "Ctrl+Shift+O"),
        Item("Export…", "Ctrl+Shift+E"),
        Item("Trash…"),
        LINE,
        Item("Close window", "Ctrl+W"),
        Item("Quit", "Ctrl+Q", Role.QuitRole),
    ),
    "&Edit": (
        Group("texts"),
        LINE,
        Item("Find…", Keys.Find),
        Item("Find next", Keys.FindNext),
        Item("Find previous", Keys.FindPrevious),
        LINE,
        Item("Settings…", "Ctrl+,", Role.PreferencesRole),
    ),
    "&View": (
        Group("columns"),
        Group("views"),
        Item("Search chats", "Ctrl+K"),
        LINE,
        Item("Larger", Keys.ZoomIn),
        Item("Smaller", Keys.ZoomOut),
        Item("Normal size", "Ctrl+0"),
        Item("Full screen", "F11"),
        Group("themes", "Theme"),
        LINE,
        Item("Replay the answer", "Ctrl+Shift+P"),
        Item("Jump to latest", "Ctrl+End"),
    ),
    "&Chat": (
        Item("Stop", "Esc"),
        Item("Retry", "Ctrl+R"),
        LINE,
        Item("Continue the answer", "Ctrl+Shift+Return"),
        Item("Regenerate the answer", "Ctrl+Shift+R"),
        Item("Edit the last question", "Ctrl+Shift+Up"),
        Item("Race the last answer…", "Ctrl+Shift+Y"),
        LINE,
        Item("Copy the last answer", "Ctrl+Shift+C"),
        Item("Copy the last code block", "Ctrl+Shift+;"),
        LINE,
        Item("Chat settings…", "Ctrl+Shift+,"),
    ),
    "&Model": (
        Item("Open model folder…", Keys.Open),
        Group("methods", "Method"),
        LINE,
    ),
    "&Help": (
        Item("Keyboard shortcuts", "Ctrl+/"),
        Item("Diagnostics…"),
        LINE,
        Item("Open data folder"),
        Item("Open log folder"),
        LINE,
        Item("What's new"),
        Item("Licences"),
        Item("About Updraft", None, Role.AboutRole),
    ),
}


class Menus(QObject):
    """Fills ``bar`` as MENUS says. ``acts`` has what each item does, by its text; ``groups`` what each Group holds.

    ``actions`` are those of the items, by their text; ``all`` the menus. ``undo_else`` is what Undo does where no text
    has anything to undo.
    """

    def __init__(
        self,
        bar: QMenuBar,
        acts: Mapping[str, Callable[[], object]],
        groups: Mapping[str, Sequence[QAction]],
        undo_else: Callable[[], object],
    ) -> None:
        super().__init__(bar)
        self.actions: dict[str, QAction] = {}
        self.all: list[QMenu] = []
        self._acts, self._groups = acts, groups
        for title, entries in MENUS.items():
            menu = bar.addMenu(title)
            self.all.append(menu)
            self._fill(menu, entries, undo_else)

    def _fill(self, menu: QMenu, entries: Iterable[Item | Group | None], undo_else: Callable[[], object]) -> None:
        for entry in entries:
            if entry is LINE:
                menu.addSeparator()
            elif isinstance(entry, Item):
                self.actions[entry.text] = _add(menu, entry, self._acts[entry.text])
            elif entry.name == "texts":
                TextActions(menu, undo_else)
            else:
                into = menu if entry.title is None else menu.addMenu(entry.title)
                into.addActions(list(self._groups[entry.name]))
                into.setToolTipsVisible(entry.name == "methods")


def _add(menu: QMenu, item: Item, act: Callable[[], object]) -> QAction:
    action = menu.addAction(item.text)
    if isinstance(item.keys, QKeySequence.StandardKey):
        action.setShortcuts(item.keys)
    elif item.keys is not None:
        action.setShortcut(QKeySequence(item.keys))
    action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
    action.setMenuRole(item.role)
    action.triggered.connect(lambda: act())  # noqa: PLW0108 - the signal's argument is not for act
    return action


def theme_actions(preferences: Preferences) -> dict[Choice, QAction]:
    """Return an action for each theme; the one that is checked follows ``preferences``."""
    group = QActionGroup(preferences)
    actions: dict[Choice, QAction] = {}
    for choice in CHOICES:
        action = actions[choice] = QAction(choice.capitalize(), group, checkable=True)
        action.setChecked(choice == preferences.settings.theme)
        action.triggered.connect(lambda _, chosen=choice: preferences.change(theme=chosen))
    preferences.changed.connect(lambda _, now: actions[now.theme].setChecked(True))
    return actions


class TextActions(QObject):
    """Undo to Select all, for whatever text has the focus; greyed out while the menu shows where they would do nothing.

    ``undo_else`` is called by Undo where no text has anything to undo.
    """

    def __init__(self, menu: QMenu, undo_else: Callable[[], object]) -> None:
        super().__init__(menu)
        self._undo_else = undo_else
        self._names: dict[QAction, str] = {}
        for text, keys, name in (
            ("Undo", Keys.Undo, "undo"),
            ("Redo", Keys.Redo, "redo"),
            ("", None, ""),
            ("Cut", Keys.Cut, "cut"),
            ("Copy", Keys.Copy, "copy"),
            ("Paste", Keys.Paste, "paste"),
            ("", None, ""),
            ("Select all", Keys.SelectAll, "selectAll"),
        ):
            if not text:
                menu.addSeparator()
                continue
            action = _add(menu, Item(text, keys), partial(self.do, name))
            self._names[action] = name
        menu.aboutToShow.connect(self._grey)
        menu.aboutToHide.connect(self._ungrey)

    def do(self, name: str) -> None:
        """Do ``name`` to the text that has the focus."""
        text = QApplication.focusWidget()
        if name == "undo" and not can(text, "undo"):
            self._undo_else()
        elif can(text, name):
            getattr(text, name)()

    def _grey(self) -> None:
        text = QApplication.focusWidget()
        for action, name in self._names.items():
            action.setEnabled(name == "undo" or can(text, name))

    def _ungrey(self) -> None:
        for action in self._names:
            action.setEnabled(True)  # a shortcut that is not enabled would not come through


def can(text: QWidget | None, name: str) -> bool:
    """Tell whether ``name``, a method of text widgets, would do anything to ``text``."""
    if isinstance(text, QLineEdit):
        fixed, chosen, undo, redo = (
            text.isReadOnly(),
            text.hasSelectedText(),
            text.isUndoAvailable(),
            text.isRedoAvailable(),
        )
    elif isinstance(text, QTextEdit | QPlainTextEdit):
        fixed, chosen = text.isReadOnly(), text.textCursor().hasSelection()
        undo, redo = text.document().isUndoAvailable(), text.document().isRedoAvailable()
    else:
        return False
    able = {"undo": undo, "redo": redo, "cut": chosen, "paste": True}
    return {"copy": chosen, "selectAll": True}.get(name, not fixed and able.get(name, False))


def shortcuts_in(bar: QMenuBar) -> Iterator[tuple[str, str, str]]:
    """Yield (menu, action, keys) for every action of ``bar`` that has keys, submenus included."""
    for action in bar.actions():
        menu = action.menu()
        if isinstance(menu, QMenu):
            yield from _shortcuts(menu, menu.title().replace("&", ""))


def _shortcuts(menu: QMenu, title: str) -> Iterator[tuple[str, str, str]]:
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from _shortcuts(inner, title)
        elif not action.shortcut().isEmpty():
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            yield title, action.text().replace("&", "").rstrip("…"), keys
