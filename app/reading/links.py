"""Opens links in a reply only after showing where they lead: a model wrote them."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from app.look.box import Box

OPENABLE = ("http", "https", "mailto")


def address(target: QUrl) -> str:
    """Return ``target`` in ASCII, which exposes look-alike letters and signs that reverse the direction of text."""
    return bytes(target.toEncoded(QUrl.ComponentFormattingOption.FullyEncoded).data()).decode("ascii")


class LinkQuestion(Box):
    """Asks whether to open ``target``; anything but a web or mail address can only be copied."""

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
