"""Every window on small screens and in large text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSettings, QSize
from PySide6.QtWidgets import QAbstractButton, QDialog, QScrollArea, QWidget, QWizard
from pytestqt.qtbot import QtBot

from app.application import Application
from app.look.room import FRAME
from app.models.library import ModelLibrary
from engine.library import Connection, Library
from tests.app.stage import Start

SCREENS = (  # logical pixels and text height
    (800, 600, 14),
    (960, 600, 14),  # 1920x1200 at 200 %
    (1092, 614, 20),  # 1366x768 at 125 %
    (800, 600, 32),
)


def test_every_window_and_its_buttons_are_on_the_screen(
    start: Start, settings: QSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    """Guards against Next, Skip, Close and the composer below the edge, where nothing shows that they are there."""
    running = start()
    library = ModelLibrary(Library(tmp_path / "models", tmp_path / "library.json"), Connection(offline=True), spare=0)
    running.add_library(library, settings)
    for width, height, text in SCREENS:
        screen = QRect(0, 0, width, height)
        monkeypatch.setattr("app.look.room.available", lambda _, screen=screen: screen)
        running.theme.wear(replace(running.theme.look, size=text))
        _try_dialogs(running, screen.size(), qtbot)
        _try_wizard(running, screen.size(), qtbot)
        _try_main_window(running, screen.size(), qtbot)


def _try_dialogs(running: Application, screen: QSize, qtbot: QtBot) -> None:
    dialogs, models = running.window.dialogs, running.models
    assert models is not None
    shown: list[Callable[[], QDialog]] = [
        dialogs.settings,
        dialogs.chat_settings,
        dialogs.trash,
        dialogs.shortcuts,
        dialogs.about,
        dialogs.whats_new,
        dialogs.diagnostics,
        lambda: dialogs.report("What is known of the fault. " * 50),
        models.open_library,
    ]
    for show in shown:
        dialog = show()
        qtbot.wait(1)
        _assert_on_screen(dialog, screen)
        dialog.close()


def _try_wizard(running: Application, screen: QSize, qtbot: QtBot) -> None:
    assert running.models is not None
    running.models.open_wizard()
    wizard = running.models.wizard
    assert wizard is not None
    for at in wizard.pageIds():
        wizard.setStartId(at)
        wizard.restart()
        qtbot.wait(1)
        _assert_on_screen(wizard, screen)
        assert wizard.button(QWizard.WizardButton.CancelButton).isVisible() or at == wizard.pageIds()[-1]
    wizard.reject()


def _try_main_window(running: Application, screen: QSize, qtbot: QtBot) -> None:
    window = running.window
    least = window.minimumSizeHint().expandedTo(window.minimumSize()) + FRAME
    assert least.boundedTo(screen) == least
    window.resize(screen - FRAME)
    qtbot.wait(1)
    for part in (window.composer, window.composer.field, window.composer.button, window.topbar):
        assert window.rect().contains(_within(part, window)), f"{type(part).__name__} is cut off on {screen}"


def _assert_on_screen(dialog: QDialog, screen: QSize) -> None:
    name = f"{type(dialog).__name__} {dialog.windowTitle()}"
    outside = dialog.size() + FRAME
    assert outside.boundedTo(screen) == outside, f"{name} is {dialog.size()} on {screen}"
    for button in dialog.findChildren(QAbstractButton):
        if button.isVisible() and not _scrolls(button, dialog):
            assert dialog.rect().contains(_within(button, dialog)), f"{name}: {button.text()} is cut off on {screen}"


def _within(part: QWidget, window: QWidget) -> QRect:
    return QRect(part.mapTo(window, QPoint(0, 0)), part.size())


def _scrolls(widget: QWidget, dialog: QDialog) -> bool:
    above = widget.parentWidget()
    while above is not None and above is not dialog:
        if isinstance(above, QScrollArea):
            return True
        above = above.parentWidget()
    return False
