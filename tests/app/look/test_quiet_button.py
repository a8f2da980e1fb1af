"""A click on a quiet button leaves the keyboard where it is; Tab still comes to it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.look.announce import announce
from app.look.quiet_button import QuietButton


def test_a_click_leaves_the_keyboard(qtbot: QtBot) -> None:
    """Guards: a button that goes away when it is clicked and takes the keyboard along."""
    page = QWidget()
    qtbot.addWidget(page)
    field, button = QLineEdit(), QuietButton("Remove…", "quiet")
    button.clicked.connect(button.hide)
    rows = QVBoxLayout(page)
    rows.addWidget(field)
    rows.addWidget(button)
    with qtbot.waitExposed(page):
        page.show()
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Tab)
    assert page.focusWidget() is button
    field.setFocus()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.isHidden()
    assert page.focusWidget() is field
    assert (button.accessibleName(), QuietButton("✕", name="Remove A").accessibleName()) == ("Remove", "Remove A")


def test_what_is_urgent_interrupts(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a failure that waits until a screen reader has read the whole answer."""
    heard: list[tuple[str, QAccessible.AnnouncementPoliteness]] = []

    def hear(event: QAccessibleAnnouncementEvent) -> None:
        heard.append((event.message(), event.politeness()))

    monkeypatch.setattr(QAccessible, "updateAccessibility", hear)
    widget = QWidget()
    qtbot.addWidget(widget)
    announce(widget, "Done.")
    announce(widget, "It failed.", urgent=True)
    politeness = QAccessible.AnnouncementPoliteness
    assert heard == [("Done.", politeness.Polite), ("It failed.", politeness.Assertive)]
