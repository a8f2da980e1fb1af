"""The list widget of conversations, grouped under headings, for mouse and keyboard."""

from __future__ import annotations

import html
from datetime import datetime
from typing import cast

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QToolButton, QWidget

from app.conversations.list_paint import CHAT, EXCERPT, HEADING, MESSAGE, MORE, PINNED
from app.conversations.summaries import Hit, Summary


class ChatList(QListWidget):
    """Lists conversations under headings; the keyboard skips the headings."""

    key_pressed = Signal(int)
    left_at_top = Signal()
    left = Signal()  # the keyboard has gone elsewhere

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chatList")
        self.setAccessibleName("Chats")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setEditTriggers(QListWidget.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.more = QToolButton(self.viewport())
        self.more.setObjectName("turnAction")
        self.more.setText("…")
        self.more.setAccessibleName("What can be done with this chat")
        self.more.setToolTip("Rename, pin, export or delete")
        self.more.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the Menu key does the same
        self.more.hide()
        self.more.clicked.connect(self._ask_for_menu)
        self.itemEntered.connect(self._show_more)
        self.viewportEntered.connect(self.more.hide)
        self.verticalScrollBar().valueChanged.connect(self.more.hide)

    def add_heading(self, text: str) -> None:
        """Add a heading, which cannot be chosen."""
        item = QListWidgetItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setData(HEADING, True)
        self.addItem(item)

    def add_chat(self, chat: Summary, excerpt: str = "", message: int | None = None) -> None:
        """Add a conversation; ``excerpt``: where a search found something in it."""
        item = QListWidgetItem(chat.title)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable
        item.setFlags(flags)
        item.setData(CHAT, chat.id)
        item.setData(PINNED, chat.pinned)
        item.setData(EXCERPT, excerpt)
        item.setData(MESSAGE, message)
        pinned = ", pinned" if chat.pinned else ""
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{chat.title}{pinned}")
        item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, excerpt)
        item.setToolTip(_tip(chat))
        self.addItem(item)

    def add_hit(self, hit: Hit, known: Summary | None) -> None:
        """Add what a search found."""
        chat = known or Summary(hit.chat, hit.title, 0.0)
        self.add_chat(chat, hit.excerpt if hit.excerpt != chat.title else "", hit.message)

    def chat_at(self, row: int) -> int | None:
        """Return the conversation of ``row``."""
        item = self.item(row)
        return None if item is None else cast("int | None", item.data(CHAT))

    def row_of(self, chat: int | None) -> int:
        """Return the row of ``chat``, -1 where it is not listed."""
        return next((row for row in range(self.count()) if chat is not None and self.chat_at(row) == chat), -1)

    def select(self, chat: int | None) -> None:
        """Select ``chat``, or nothing if it is not listed."""
        row = self.row_of(chat)
        self.setCurrentRow(row)
        if row < 0:
            self.clearSelection()

    def enter(self) -> None:
        """Focus the selected conversation, else the first."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        if self.currentRow() < 0:
            rows = (row for row in range(self.count()) if self.chat_at(row) is not None)
            self.setCurrentRow(next(rows, -1))

    def rebuilding(self) -> _Rebuilding:
        """Return a context in which the rows are replaced, the view staying where it is."""
        return _Rebuilding(self)

    def viewportEvent(self, event: QEvent) -> bool:
        """Hide the button once the pointer leaves."""
        if event.type() == QEvent.Type.Leave:
            self.more.hide()
        return super().viewportEvent(event)

    def _show_more(self, item: QListWidgetItem) -> None:
        """Show the button in the row the pointer is on, at its right end."""
        row = self.visualItemRect(item)
        self.more.setFixedSize(MORE, MORE)
        self.more.move(row.right() - MORE - 3, row.center().y() - MORE // 2)
        self.more.setVisible(self.chat_at(self.row(item)) is not None)

    def _ask_for_menu(self) -> None:
        self.customContextMenuRequested.emit(QPoint(self.more.geometry().bottomLeft()))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Signal that the focus has gone, unless it is in the title being edited."""
        super().focusOutEvent(event)
        if self.state() != QListWidget.State.EditingState and event.reason() != Qt.FocusReason.PopupFocusReason:
            self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Signal the keys that act on a conversation; Up at the top leaves the list."""
        if event.key() in (Qt.Key.Key_F2, Qt.Key.Key_Delete, Qt.Key.Key_P, Qt.Key.Key_Menu) and not event.modifiers():
            self.key_pressed.emit(event.key())
            return
        first = next((row for row in range(self.count()) if self.chat_at(row) is not None), -1)
        if event.key() == Qt.Key.Key_Up and self.currentRow() <= first:
            self.left_at_top.emit()
            return
        super().keyPressEvent(event)


class _Rebuilding:
    """Replaces all rows without flicker and without emitting edits."""

    def __init__(self, rows: ChatList) -> None:
        self._rows = rows

    def __enter__(self) -> None:
        self._at = self._rows.verticalScrollBar().value()
        self._rows.blockSignals(True)
        self._rows.setUpdatesEnabled(False)
        self._rows.more.hide()
        self._rows.clear()

    def __exit__(self, *_: object) -> None:
        self._rows.setUpdatesEnabled(True)
        self._rows.blockSignals(False)
        self._rows.verticalScrollBar().setValue(self._at)


def _tip(chat: Summary) -> str:
    """Return a tool tip: the whole title, never read as markup, and when it was last used."""
    used = datetime.fromtimestamp(chat.used).astimezone().strftime("%Y-%m-%d %H:%M") if chat.used else ""
    return f"<p>{html.escape(chat.title)}</p>" + (f"<p>Last used {used}</p>" if used else "")
