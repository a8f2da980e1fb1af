"""The menu bar: where every action stands once, with its standard shortcut and, for macOS, its role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QMenuBar, QPlainTextEdit, QTextEdit, QWidget

Keys = QKeySequence.StandardKey
Role = QAction.MenuRole
TITLES = ("&File", "&Edit", "&View", "&Chat", "&Model", "&Help")


class Menus(QObject):
    """Six menus on ``bar``, to be filled with ``add``. ``edit`` begins with what texts can do."""

    def __init__(self, bar: QMenuBar) -> None:
        super().__init__(bar)
        self.all = [bar.addMenu(title) for title in TITLES]
        self.file, self.edit, self.view, self.chat, self.model, self.help = self.all
        self.texts = TextActions(self)

    def add(
        self,
        menu: QMenu,
        text: str,
        keys: Keys | str | None,
        act: Callable[[], object],
        role: Role = Role.NoRole,
    ) -> QAction:
        """Put an action at the end of ``menu``; without ``role`` macOS leaves it there."""
        action = menu.addAction(text)
        if isinstance(keys, QKeySequence.StandardKey):
            action.setShortcuts(keys)
        elif keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setMenuRole(role)
        action.triggered.connect(lambda: act())  # noqa: PLW0108 - the signal's argument is not for act
        return action

    def shortcuts(self) -> Iterator[tuple[str, str, str]]:
        """Yield (menu, action, keys) for every action that has keys, submenus included."""
        for menu in self.all:
            yield from _shortcuts(menu, menu.title().replace("&", ""))


class TextActions:
    """Undo to Select all, for whatever text has the focus; greyed out while the menu shows where they would do nothing.

    ``undo_else`` is called by Undo where no text has anything to undo.
    """

    def __init__(self, menus: Menus) -> None:
        self.undo_else: Callable[[], object] = lambda: None
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
                menus.edit.addSeparator()
                continue
            action = menus.add(menus.edit, text, keys, partial(self.do, name))
            self._names[action] = name
        menus.edit.aboutToShow.connect(self._grey)
        menus.edit.aboutToHide.connect(self._ungrey)

    def do(self, name: str) -> None:
        """Do ``name`` to the text that has the focus."""
        text = QApplication.focusWidget()
        if name == "undo" and not can(text, "undo"):
            self.undo_else()
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


def _shortcuts(menu: QMenu, title: str) -> Iterator[tuple[str, str, str]]:
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from _shortcuts(inner, title)
        elif not action.shortcut().isEmpty():
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            yield title, action.text().replace("&", "").rstrip("…"), keys
