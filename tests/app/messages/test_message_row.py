"""The buttons below a message."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.messages.actions import MessageActions
from app.messages.message_row import MessageRow


def test_all_of_a_row_goes_with_it(qtbot: QtBot) -> None:
    """Guards: buttons that only answers have left behind by every question, as windows that nobody sees or deletes."""
    known = QApplication.topLevelWidgets()
    actions = MessageActions(QObject())
    for asks in (True, False):
        row = MessageRow(QWidget(), actions, asks=asks)
        qtbot.addWidget(row)
        row.show()
        known.append(row)
        assert [widget for widget in QApplication.topLevelWidgets() if widget not in known] == []
        assert row.race.isVisible() is False
