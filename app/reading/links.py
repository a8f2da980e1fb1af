"""Links in a reply: a model wrote them, so nothing opens before the reader has seen where they lead."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from app.look.box import Box

OPENABLE = ("http", "https", "mailto")


def address(target: QUrl) -> str:
    """Return ``target`` in ASCII: letters that look like others, and signs that turn the writing round, show up."""
    return bytes(target.toEncoded(QUrl.ComponentFormattingOption.FullyEncoded).data()).decode("ascii")


class LinkQuestion(Box):
    """Asks whether to open ``target``; offers only to copy what is no web or mail address."""

    def __init__(self, target: QUrl, parent: QWidget) -> None:
        openable = target.scheme().lower() in OPENABLE
        sentence = "Open this link outside Updraft?" if openable else "Updraft does not open links of this kind."
        super().__init__("Open link", sentence, address(target), parent, QMessageBox.Icon.NoIcon)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._target = target
        self.copying = self.addButton("Copy link", QMessageBox.ButtonRole.ActionRole)
        self.opening = self.addButton("Open", QMessageBox.ButtonRole.AcceptRole) if openable else None
        self.addButton(QMessageBox.StandardButton.Cancel)
        self.setDefaultButton(QMessageBox.StandardButton.Cancel)
        self.setEscapeButton(QMessageBox.StandardButton.Cancel)
        self.buttonClicked.connect(self._act)

    def _act(self, button: object) -> None:
        if button is self.copying:
            QGuiApplication.clipboard().setText(address(self._target))
        elif self.opening is not None and button is self.opening:
            QDesktopServices.openUrl(self._target)
