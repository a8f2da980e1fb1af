"""A message box for questions and warnings that shows its words literally."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


class Box(QMessageBox):
    """Shows ``sentence`` and, in smaller type, ``more``, both as plain text: a file's name is never read as HTML."""

    def __init__(
        self,
        title: str,
        sentence: str,
        more: str = "",
        parent: QWidget | None = None,
        icon: QMessageBox.Icon = QMessageBox.Icon.Question,
    ) -> None:
        super().__init__(icon, title, "", parent=parent)
        self.setTextFormat(Qt.TextFormat.PlainText)  # before there is a text, which decides how it is wrapped
        self.setText(sentence)
        self.setInformativeText(more)
