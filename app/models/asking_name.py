"""Asks what a model is to be called."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QInputDialog, QWidget

from app.models.library import Installed


def ask_name(parent: QWidget, model: Installed, act: Callable[[str], object]) -> QInputDialog:
    """Ask for another name of ``model``, and ``act`` on it; returns the question, which is open."""
    box = QInputDialog(parent)
    box.setWindowTitle("Rename")
    box.setLabelText("What this model is called in the list and in chats:")
    box.setTextValue(model.name)
    box.setOkButtonText("Rename")
    box.textValueSelected.connect(act)
    box.open()
    return box
