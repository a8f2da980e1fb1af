"""A dialog that lists the trash, restores from it, and erases for good after asking."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import time

from PySide6.QtCore import QDate, QDateTime, QLocale, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QMessageBox,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app.conversations.archive import Archive
from app.conversations.trash import DAYS, KEPT, Thrown
from app.look.box import Box
from app.look.flow import FlowLayout
from app.look.label import Label, plain_tip
from app.look.room import make_room

ITEM = Qt.ItemDataRole.UserRole


class TrashDialog(QDialog):
    """Lists the trash of ``archive``. ``restored`` carries a Thrown that is back where it was."""

    restored = Signal(object)

    def __init__(self, archive: Archive, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.archive = archive
        self.setWindowTitle("Trash")
        make_room(self, 660, 440)
        self.words = Label()
        self.words.setObjectName("small")
        self.words.setWordWrap(True)
        self.list = ThrownList()
        self.list.itemActivated.connect(lambda _: self.restore())
        self.list.erase_wanted.connect(self.erase)
        self.list.itemSelectionChanged.connect(self._show_buttons)
        self.back = _button("Restore", "Put what is chosen back where it was (Enter)", self.restore)
        self.gone = _button("Delete for good…", "Erase what is chosen (Del)", self.erase)
        self.all = _button("Empty the trash…", "Erase everything in the trash", self.empty)
        self.shut = _button("Close", "Close", self.close)
        acts, buttons = FlowLayout(8), QHBoxLayout()
        for button in (self.back, self.gone, self.all):
            acts.addWidget(button)
        buttons.addLayout(acts, 1)
        buttons.addWidget(self.shut, 0, Qt.AlignmentFlag.AlignBottom)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(18, 16, 18, 14)
        rows.setSpacing(12)
        rows.addWidget(self.words)
        rows.addWidget(self.list, 1)
        rows.addLayout(buttons)
        archive.changed.connect(self.load)
        self.load()

    def load(self) -> None:
        """Read the trash anew."""
        self.archive.trash(self._show)

    def restore(self) -> None:
        """Bring back what is chosen."""
        for item in self.list.chosen():
            self.archive.bring_back(item, partial(self._is_back, item))

    def erase(self) -> None:
        """Erase what is chosen, once that is confirmed."""
        chosen = self.list.chosen()
        name = f"“{self.list.selectedItems()[0].text(0)}”" if len(chosen) == 1 else f"these {len(chosen)} items"
        if chosen and self._sure(f"Delete {name} for good?"):
            self.archive.erase(chosen)
            self.load()

    def empty(self) -> None:
        """Erase everything, once that is confirmed."""
        everything = self.list.everything()
        if everything and self._sure(f"Empty the trash? It holds {_count(len(everything))}."):
            self.archive.erase(everything)
            self.load()

    def _sure(self, question: str) -> bool:
        box = Box("Trash", question, "This cannot be undone.", self, QMessageBox.Icon.Warning)
        erase = box.addButton("Delete for good", QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        box.exec()
        return box.clickedButton() is erase

    def _is_back(self, item: Thrown) -> None:
        if isValid(self):
            self.restored.emit(item)
            self.load()

    def _show(self, items: Sequence[Thrown]) -> None:
        self.list.show_items(items)
        if items:
            self.words.setText(f"What is deleted stays here for {DAYS} days; then it is erased for good.")
        else:
            self.words.setText("The trash is empty.")
        self._show_buttons()

    def _show_buttons(self) -> None:
        some = bool(self.list.chosen())
        self.back.setEnabled(some)
        self.gone.setEnabled(some)
        self.all.setEnabled(self.list.topLevelItemCount() > 0)


class ThrownList(QTreeWidget):
    """What is in the trash, a row each; several can be chosen."""

    erase_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Trash")
        self.setHeaderLabels(["Deleted", "When", "Kept for"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        self.setTabKeyNavigation(False)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)

    def show_items(self, items: Sequence[Thrown]) -> None:
        """List ``items``; the keyboard stays at its row."""
        at = max(self.currentIndex().row(), 0)
        self.clear()
        for item in items:
            row = QTreeWidgetItem(self, [_name(item), _when(item.when), _left(item.when)])
            row.setData(0, ITEM, item)
            row.setToolTip(0, plain_tip(_name(item)))
        if items:
            self.setCurrentIndex(self.model().index(min(at, len(items) - 1), 0))

    def chosen(self) -> list[Thrown]:
        """Return what is chosen."""
        return [row.data(0, ITEM) for row in self.selectedItems()]

    def everything(self) -> list[Thrown]:
        """Return all that is listed."""
        rows = (self.topLevelItem(at) for at in range(self.topLevelItemCount()))
        return [row.data(0, ITEM) for row in rows if row is not None]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Erase with Delete."""
        if event.key() == Qt.Key.Key_Delete and not event.modifiers():
            self.erase_wanted.emit()
        else:
            super().keyPressEvent(event)


def _name(item: Thrown) -> str:
    if not item.messages:
        return item.title
    more = f" and {len(item.messages) - 1} more" if len(item.messages) > 1 else ""
    return f"Message{more} of “{item.title}”: {item.excerpt}"


def _when(seconds: float) -> str:
    moment = QDateTime.fromSecsSinceEpoch(round(seconds))
    if moment.date() == QDate.currentDate():
        return f"today, {moment.toString('HH:mm')}"
    return QLocale.system().toString(moment, QLocale.FormatType.ShortFormat)


def _left(when: float) -> str:
    days = max(0, round((when + KEPT - time()) / 86400))
    return f"{days} days" if days != 1 else "1 day"


def _count(items: int) -> str:
    return f"{items} items" if items != 1 else "1 item"


def _button(text: str, tip: str, act: object) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(text.rstrip("…"))
    button.setToolTip(tip)
    button.setAutoDefault(False)  # Enter belongs to the list
    button.clicked.connect(act)
    return button
