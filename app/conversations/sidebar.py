"""The sidebar: conversations by date, with search above. Everything works by keyboard too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.conversations.archive import Archive
from app.conversations.chat_list import ChatList
from app.conversations.list_paint import CHAT, MESSAGE, ShelfPaint
from app.conversations.summaries import Hit, shelve
from app.desktop.identity import icon
from app.look.label import Label
from app.look.palette import Palette

TYPING = 120  # ms after the last key until a search begins
MIDNIGHT = 60_000  # ms between two looks at whether it is another day


class Sidebar(QFrame):
    """Lists the conversations of ``archive``. Renames and pins them itself; emits signals for everything else."""

    new_wanted = Signal()
    chosen = Signal(object, object)  # id of a chat (too large for a C int), and of the message found in it or None
    renamed = Signal(object, str)
    delete_wanted = Signal(object)
    export_wanted = Signal(object)
    offline_chosen = Signal()  # the sign that says so was clicked

    def __init__(self, archive: Archive, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self._archive = archive
        self._current: int | None = None
        self._listed: list[tuple[str, list[tuple[int, str]]]] = []
        self._day = datetime.now().astimezone().date()
        self.new = QPushButton("+  New chat")
        self.new.setObjectName("newChat")
        self.new.setAccessibleName("New chat")
        self.new.setToolTip("New chat (Ctrl+N)")
        self.new.clicked.connect(self.new_wanted)
        self.search = QLineEdit()
        self.search.setObjectName("searchChats")
        self.search.setPlaceholderText("Search chats    Ctrl+K")
        self.search.setAccessibleName("Search chats")
        self.search.setClearButtonEnabled(True)
        for clear in self.search.findChildren(QToolButton):
            clear.setAccessibleName("Clear the search")
        self.search.textChanged.connect(self._begin_search)
        self.search.installEventFilter(self)
        self.list = ChatList()
        self.paint = ShelfPaint(palette, self.list)
        self.list.setItemDelegate(self.paint)
        self.nothing = Label()
        self.nothing.setObjectName("small")
        self.nothing.setWordWrap(True)
        self.nothing.hide()
        self.offline = self._offline_button()
        self.foot = QVBoxLayout()
        self._typing = QTimer(self, singleShot=True, interval=TYPING)
        self._typing.timeout.connect(self._search)
        self._clock = QTimer(self, interval=MIDNIGHT)
        self._clock.timeout.connect(self._look_at_clock)
        self._clock.start()
        self._arrange()
        self._connect()
        self._fill()

    def _offline_button(self) -> QPushButton:
        button = QPushButton("Offline")
        button.setObjectName("turnAction")
        button.setAccessibleName("Offline: open the settings")
        button.setToolTip("Updraft opens no network connection, as the settings say. Click to change it.")
        button.clicked.connect(self.offline_chosen)
        button.hide()
        return button

    def show_current(self, chat: int | None) -> None:
        """Select the conversation that the window shows."""
        self._current = chat
        self._mark()

    def show_offline(self, offline: bool) -> None:
        """Show a sign while Updraft stays offline."""
        self.offline.setVisible(offline)

    def set_palette(self, palette: Palette) -> None:
        """Paint the list in the colours of ``palette``."""
        self.paint.palette = palette
        self.list.viewport().update()

    def focus_search(self) -> None:
        """Focus the search field and select its text."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def add_foot(self, action: QAction, text: str) -> None:
        """Add a button for ``action`` at the bottom, above those already there."""
        button = QPushButton(text)
        button.setObjectName("sidebarFoot")
        button.setAccessibleName(button.text())
        button.setToolTip(action.toolTip())
        button.clicked.connect(action.trigger)
        self.foot.insertWidget(0, button)
        QWidget.setTabOrder(self.list, button)  # Tab goes down, as they stand

    def add_sign(self, sign: QWidget) -> None:
        """Add ``sign``, which comes and goes, between the list and the buttons."""
        self.foot.insertWidget(0, sign)
        QWidget.setTabOrder(self.list, sign)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """In the search field: Down goes into the list, Enter opens the first hit, Escape ends the search."""
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down:
                self.list.enter()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._typing.stop()
                self._search(open_first=True)
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return super().eventFilter(watched, event)

    # Contents

    def _fill(self) -> None:
        """List everything by date, unless a search is on."""
        if self.search.text().strip():
            self._typing.start()
            return
        shelves = shelve(self._archive.chats.values(), self._day)
        listed = [(shelf.heading, [(chat.id, chat.title) for chat in shelf.chats]) for shelf in shelves]
        if listed == self._listed:
            return  # only when one was used has changed, and it is the newest already
        self._listed = listed
        kept = self.list.chat_at(self.list.currentRow()) if self.list.hasFocus() else None
        with self.list.rebuilding():
            for shelf in shelves:
                self.list.add_heading(shelf.heading)
                for chat in shelf.chats:
                    self.list.add_chat(chat)
        self.nothing.setText("Your conversations will be listed here.")
        self.nothing.setVisible(not self._archive.chats)
        self._mark(kept)

    def _begin_search(self) -> None:
        self._typing.start()

    def _search(self, *, open_first: bool = False) -> None:
        text = self.search.text().strip()
        if not text:
            self._fill()
            return
        self._archive.search(text, lambda hits: self._found(text, hits, open_first=open_first))

    def _found(self, text: str, hits: Sequence[Hit], *, open_first: bool) -> None:
        if text != self.search.text().strip():
            return
        self._listed = []
        with self.list.rebuilding():
            if hits:
                self.list.add_heading(f"{len(hits)} found")
            for hit in hits:
                self.list.add_hit(hit, self._archive.chats.get(hit.chat))
        self.nothing.setText(f"Nothing found for “{text}”.")
        self.nothing.setVisible(not hits)
        self._mark()
        if open_first and hits:
            self.chosen.emit(hits[0].chat, hits[0].message)

    def _mark(self, chat: int | None = None) -> None:
        """Select the conversation shown, or ``chat`` where the focus was on another one."""
        self.list.select(chat if chat is not None else self._current)

    def _look_at_clock(self) -> None:
        today = datetime.now().astimezone().date()
        if today != self._day:
            self._day, self._listed = today, []
            self._fill()

    # What is done in the list

    def _open(self, item: QListWidgetItem) -> None:
        chat = item.data(CHAT)
        if chat is not None:
            self.chosen.emit(chat, item.data(MESSAGE))

    def _edited(self, item: QListWidgetItem) -> None:
        chat = item.data(CHAT)
        known = self._archive.chats.get(chat) if chat is not None else None
        title = " ".join(item.text().split())
        if known is None or title == known.title:
            return
        if title:
            self._archive.rename(chat, title)
            self.renamed.emit(chat, title)
        else:
            self._listed = []
            QTimer.singleShot(0, self, self._fill)  # an empty title is none

    def _pin(self, chat: int) -> None:
        self._archive.pin(chat, pinned=not self._archive.chats[chat].pinned)

    def _open_menu(self, at: QPoint) -> None:
        item = self.list.itemAt(at)
        menu = self.open_menu(item, self.list.viewport().mapToGlobal(at))
        if menu is None:
            self._mark()
        else:
            menu.aboutToHide.connect(self._mark)  # a click with that button goes nowhere

    def open_menu(self, item: QListWidgetItem | None, at: QPoint) -> QMenu | None:
        """Offer what can be done with the conversation of ``item``; None where there is none."""
        chat = None if item is None else item.data(CHAT)
        if item is None or chat not in self._archive.chats:
            return None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        pinned = self._archive.chats[chat].pinned
        _entry(menu, "Open", "Enter", lambda: self._open(item))
        _entry(menu, "Rename", "F2", lambda: self.list.editItem(item))
        _entry(menu, "Unpin" if pinned else "Pin to top", "P", lambda: self._pin(chat))
        _entry(menu, "Export…", None, lambda: self.export_wanted.emit(chat))
        menu.addSeparator()
        _entry(menu, "Delete", "Del", lambda: self.delete_wanted.emit(chat))
        menu.popup(at)
        return menu

    def _on_key(self, key: int) -> None:
        item = self.list.currentItem()
        chat = None if item is None else item.data(CHAT)
        if item is None or chat not in self._archive.chats:
            return
        if key == Qt.Key.Key_F2:
            self.list.editItem(item)
        elif key == Qt.Key.Key_P:
            self._pin(chat)
        elif key == Qt.Key.Key_Delete:
            self.delete_wanted.emit(chat)
        elif key == Qt.Key.Key_Menu:
            self.open_menu(item, self.list.viewport().mapToGlobal(self.list.visualItemRect(item).bottomLeft()))

    def _connect(self) -> None:
        self._archive.changed.connect(self._fill)
        self.list.itemActivated.connect(self._open)
        self.list.itemClicked.connect(self._open)
        self.list.itemChanged.connect(self._edited)
        self.list.customContextMenuRequested.connect(self._open_menu)
        self.list.key_pressed.connect(self._on_key)
        self.list.left_at_top.connect(self.focus_search)
        self.list.left.connect(self._mark)

    def _arrange(self) -> None:
        logo, name = Label(), Label("Updraft")
        logo.setPixmap(icon().pixmap(20, 20))
        name.setObjectName("appName")
        brand = QHBoxLayout()
        brand.setContentsMargins(4, 0, 0, 4)
        brand.setSpacing(8)
        brand.addWidget(logo)
        brand.addWidget(name)
        brand.addStretch()
        brand.addWidget(self.offline)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 13, 12, 12)
        rows.setSpacing(8)
        rows.addLayout(brand)
        for widget in (self.new, self.search, self.nothing):
            rows.addWidget(widget)
        rows.addWidget(self.list, 1)
        self.foot.setSpacing(2)
        rows.addLayout(self.foot)


def _entry(menu: QMenu, text: str, keys: str | None, act: Callable[[], object]) -> None:
    action = menu.addAction(text)
    if keys is not None:
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
    action.triggered.connect(lambda: act())  # noqa: PLW0108 - the signal's argument is not for act
