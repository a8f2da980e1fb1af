"""Asks for confirmation before something that cannot be undone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from app.look.box import Box


def confirm(parent: QWidget, question: str, more: str, *, yes: str, no: str, act: Callable[[], object]) -> Box:
    """Ask ``question``, explained by ``more``; ``yes`` is the button that does ``act``, Enter and Esc mean ``no``."""
    box = Box(parent.window().windowTitle(), question, more, parent)
    go = box.addButton(yes, QMessageBox.ButtonRole.DestructiveRole)
    stay = box.addButton(no, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    go.clicked.connect(lambda _: act())
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box
