"""Lists all shortcuts on one page, read from the menus so that it is never out of date."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from app.look.room import make_room

ELSEWHERE = (  # what no menu has
    ("Composer", "Break the line", "Shift+Enter"),
    ("Conversation", "From token to token in the Trace", "Arrow keys, Home, End"),
    ("Conversation", "Next and previous match while searching", "Enter, Shift+Enter"),
    ("Everywhere", "From control to control", "Tab, Shift+Tab"),
    ("Everywhere", "Open the menus", "F10 or Alt"),
)


class ShortcutsDialog(QDialog):
    """Lists ``shortcuts``, which are (menu, action, keys), and the keys every widget has."""

    def __init__(self, shortcuts: Iterable[tuple[str, str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        make_room(self, 520, 600)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Keyboard shortcuts")
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels(["Action", "Keys"])
        self.tree.setRootIsDecorated(False)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setStretchLastSection(False)
        self.show_shortcuts(shortcuts)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.button(QDialogButtonBox.StandardButton.Close).setAccessibleName("Close")
        close.rejected.connect(self.close)
        rows = QVBoxLayout(self)
        rows.addWidget(self.tree)
        rows.addWidget(close)

    def show_shortcuts(self, shortcuts: Iterable[tuple[str, str, str]]) -> None:
        """Show ``shortcuts`` grouped by menu."""
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for menu, action, keys in (*shortcuts, *ELSEWHERE):
            if menu not in groups:
                groups[menu] = group = QTreeWidgetItem(self.tree, [menu])
                font = group.font(0)
                font.setWeight(QFont.Weight.DemiBold)  # the boldest that Inter comes in here
                group.setFont(0, font)
                group.setFlags(Qt.ItemFlag.ItemIsEnabled)
            QTreeWidgetItem(groups[menu], [action, keys])
        self.tree.expandAll()
