"""The whole window over a scripted session, and its orderly end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QSettings
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.conversations.archive import Archive
from app.look.theme import TEXT
from engine.config import ModelSet
from tests.app.scripted import Opener, ScriptedSession, speculated
from tests.app.stage import MODELS, Ask, Start


@pytest.fixture(autouse=True)
def _collect_elsewhen() -> Iterator[None]:
    """Keep the collector off the threads of a test, as the application does.

    There it would destroy widgets, or cut a connection while the window's thread makes one: they wait for each other
    for ever, one with Qt's lock and one with Python's.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _pointer_aside(qapp: QApplication) -> None:  # there is no pointer without it
    """Leave no pointer over the next test's window, where it would bring up what hovering does."""
    QCursor.setPos(QPoint(-1, -1))


@pytest.fixture(autouse=True, scope="session")
def _clipboard_empty(qapp: QApplication) -> Iterator[None]:
    """Empty the clipboard at the end.

    The offscreen platform lets go of what is on it when the process exits. What Python made (what is copied from a
    Trace) then needs an interpreter that is gone: a segmentation fault after the last test.
    """
    yield
    qapp.clipboard().clear()


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def session() -> ScriptedSession:
    return ScriptedSession(lambda _: speculated())


@pytest.fixture
def opener(session: ScriptedSession) -> Opener:
    return Opener(session)


@pytest.fixture
def start(qtbot: QtBot, qapp: QApplication, settings: QSettings, opener: Opener, tmp_path: Path) -> Iterator[Start]:
    """Start the window; whatever the test left running has to stop in time."""
    started: list[Application] = []

    def begin(
        models: ModelSet = MODELS, *, wait: bool = True, archive: Archive | None = None, first: bool = False
    ) -> Application:
        running = Application(qapp, opener, settings, [models], tmp_path, archive)
        started.append(running)
        running.window.resize(1280, 800)
        if first:
            running.add_first_run()
        running.start(models)
        qtbot.waitExposed(running.window)
        if wait:
            qtbot.waitUntil(lambda: running.chat.engine.value != "loading" and running.chat.models is not None)
        return running

    yield begin
    for running in started:
        running.window.close()
        assert running.end(), "the engine thread did not stop"
        running.theme.wear(replace(running.theme.look, size=TEXT))  # the look is the application's: others see it too
        running.window.deleteLater()
        running.theme.deleteLater()  # which would follow the desktop, and have all restyled, in every later test
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # or the next start restyles this window


@pytest.fixture
def ask(qtbot: QtBot) -> Ask:
    """Type a question, press Enter and wait for the end of the answer."""

    def send(running: Application, text: str) -> None:
        running.window.composer.field.setPlainText(text)
        with qtbot.waitSignal(running.chat.answered):
            running.window.composer.field.entered.emit()

    return send
