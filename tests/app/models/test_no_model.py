"""A start without any model: set-up could not fetch the starter, and nobody has got another."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.models.library import ModelLibrary, require_starter, starter_models
from app.models.model_dialogs import SEEN
from app.talk.standing import Engine
from app.talk.worker import SessionLike, open_engine
from engine.config import ModelSet, models_in
from engine.events import Loading
from tests.app.models.conftest import POCKET


def engine(wanted: ModelSet) -> Generator[Loading, None, SessionLike]:
    """Open what is wanted as the program does."""
    require_starter(wanted)
    return open_engine(wanted)


@pytest.fixture
def bare(qapp: QApplication, settings: QSettings, library: ModelLibrary, tmp_path: Path) -> Iterator[Application]:
    """The window of somebody who has seen the wizard, and has no model."""
    settings.setValue(SEEN, True)
    running = Application(qapp, engine, settings, [starter_models()], tmp_path)
    running.add_library(library, settings)
    running.start(starter_models())
    yield running
    running.window.close()
    assert running.end(), "the engine thread did not stop"
    running.window.deleteLater()


def test_it_is_said_and_helped(bare: Application, qtbot: QtBot) -> None:
    """Guards: a window that waits for ever, asks for a folder on a drive, or takes a question and says nothing."""
    dialogs, banner, chat = bare.models, bare.window.banner, bare.chat
    assert dialogs is not None
    qtbot.waitUntil(lambda: dialogs.wizard is not None and dialogs.wizard.isVisible())
    qtbot.waitUntil(lambda: chat.engine is Engine.DOWN and banner.isVisible())
    assert "There is no model to answer yet." in banner.sentence.text()
    assert "Get a model" in banner.hint.text()
    wizard = dialogs.wizard
    assert wizard is not None
    wizard.reject()
    qtbot.waitUntil(lambda: dialogs.wizard is None)
    with qtbot.waitSignal(chat.answered):
        assert chat.send("Hello")
    assert "There is no model to answer yet." in banner.sentence.text()
    assert not chat.busy
    assert chat.current.conversation.messages[0].text == "Hello", "what was asked is kept"
    bare.window.picker.open(models_in(POCKET))
    qtbot.waitUntil(lambda: chat.engine is Engine.READY, timeout=20_000)
    assert not banner.isVisible()
