"""Shows a report to read and copy: a crash, or what the engine runs on."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.look.label import Label
from app.look.room import make_room


class ReportDialog(QDialog):
    """Shows ``text`` under a sentence, with a Copy button and, if ``look`` is given, one that looks again."""

    def __init__(
        self,
        title: str,
        sentence: str,
        text: str,
        parent: QWidget | None = None,
        look: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        make_room(self, 640, 460)
        label = Label(sentence)
        label.setWordWrap(True)
        self.text = QPlainTextEdit(text)
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(title)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.copy = self._button("Copy report", self.copy_all)
        self.shut = self._button("Close", self.close)
        self.copy.setDefault(True)
        buttons = QHBoxLayout()
        if look is not None:
            buttons.addWidget(self._button("Look again", look))
        buttons.addStretch()
        buttons.addWidget(self.copy)
        buttons.addWidget(self.shut)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(18, 16, 18, 14)
        rows.setSpacing(12)
        rows.addWidget(label)
        rows.addWidget(self.text, 1)
        rows.addLayout(buttons)

    def show_text(self, text: str) -> None:
        """Replace the text shown by ``text``."""
        self.text.setPlainText(text)
        self.copy.setText("Copy report")

    def copy_all(self) -> None:
        """Put the whole text on the clipboard."""
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self.copy.setText("Copied")

    def _button(self, text: str, act: object) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(text)
        button.clicked.connect(act)
        return button
