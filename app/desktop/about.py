"""Shows what Updraft is, its version, and the licences of it and of its components."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.desktop.identity import icon
from app.desktop.licences import components
from app.look.label import Label
from app.look.names import Names
from app.look.room import make_room
from engine.version import VERSION


class AboutDialog(QDialog):
    """Describes Updraft and lists every component with its licence, the model in ``starter`` included."""

    def __init__(self, starter: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Updraft")
        make_room(self, 900, 560)  # room for licences, whose lines are broken at 80 characters
        self.components = components(starter)
        self.names = Names(230)
        self.names.setAccessibleName("Components")
        self.names.addItems([f"{component.name} {component.version}".strip() for component in self.components])
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName("Licence")
        self.licence = Label()
        self.licence.setObjectName("optionTitle")
        self.licence.setWordWrap(True)
        self.names.currentRowChanged.connect(self._show)
        self.names.setCurrentRow(0)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.button(QDialogButtonBox.StandardButton.Close).setAccessibleName("Close")
        close.rejected.connect(self.close)
        columns = QHBoxLayout()
        columns.setSpacing(14)
        columns.addWidget(self.names)
        right = QVBoxLayout()
        right.addWidget(self.licence)
        right.addWidget(self.text, 1)
        columns.addLayout(right, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(20, 18, 20, 14)
        rows.setSpacing(14)
        rows.addLayout(_head())
        rows.addLayout(columns, 1)
        rows.addWidget(close)

    def _show(self, row: int) -> None:
        component = self.components[row]
        self.licence.setText(component.licence)
        self.text.setPlainText(component.text or f"{component.name} came without the text of its licence.")


def _head() -> QHBoxLayout:
    logo = Label()
    logo.setPixmap(icon().pixmap(56, 56))
    name = Label(f"Updraft {VERSION}")
    name.setObjectName("headline")
    words = Label(
        "Chat with a language model on your own PC, offline, and watch hierarchical speculative decoding work. "
        "Nothing you write leaves this computer."
    )
    words.setObjectName("subline")
    words.setWordWrap(True)
    rows = QVBoxLayout()
    rows.addWidget(name)
    rows.addWidget(words)
    head = QHBoxLayout()
    head.setSpacing(16)
    head.addWidget(logo, 0, Qt.AlignmentFlag.AlignTop)
    head.addLayout(rows, 1)
    return head
