"""Names, titles and errors that somebody else wrote are shown as they stand, in every window there is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app.composing.attachment import Attachment
from app.conversations.archive import Archive
from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.events import LevelInfo, Started
from tests.app.plain import HOSTILE, IN_FILE, everything, shown
from tests.app.scripted import Opener, ScriptedSession, speculated
from tests.app.stage import Ask, Start

MODELS = ModelSet.alone(HOSTILE, Path(IN_FILE))


def test_the_windows_of_a_chat(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession, opener: Opener, tmp_path: Path
) -> None:
    """Guards: a chat's title, a model's name or a path whose picture is opened, or whose & becomes a key."""
    levels = (LevelInfo(HOSTILE, HOSTILE, "exit"), LevelInfo("Target", "", "model"))
    session.play = lambda _: (
        Started("hispec", levels, True, 24, 0, 1024, HOSTILE),
        *(event for event in speculated(HOSTILE) if not isinstance(event, Started)),
    )
    running = start(MODELS, archive=Archive(tmp_path / "data"))
    qtbot.waitUntil(lambda: running.archive.ready)
    window = running.window
    session.play = lambda _: speculated(HOSTILE)
    ask(running, HOSTILE)
    window.inspector.show_view("trace")
    window.composer.chips.show_all([Attachment(IN_FILE, HOSTILE)])
    running.archive.rename(running.chat.current.conversation.id, HOSTILE)
    window.sidebar.search.setText("bold")
    window.find_bar.open("bold")
    window.editing.begin_last()
    running.preferences.change(models_folder=str(tmp_path / IN_FILE), font_size=15)
    dialogs = window.dialogs
    for open_ in (dialogs.settings, dialogs.chat_settings, dialogs.shortcuts, dialogs.about, dialogs.diagnostics):
        open_()
    dialogs.report(HOSTILE)
    said = shown(everything())
    assert said.count(HOSTILE) > 5
    assert said.count(IN_FILE) > 1
    window.sidebar.delete_wanted.emit(running.chat.current.conversation.id)
    trash = dialogs.trash()
    qtbot.waitUntil(lambda: trash.list.topLevelItemCount() == 1)
    trash.list.selectAll()
    boxes: list[str] = []

    def look() -> None:
        boxes.append(shown(everything()))
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        box.reject()

    QTimer.singleShot(0, look)
    trash.erase()
    assert f"“{HOSTILE}”" in boxes[0]
    opener.error = UpdraftError(HOSTILE, HOSTILE)
    window.picker.open(ModelSet.alone(HOSTILE, tmp_path))
    qtbot.waitUntil(window.banner.isVisible)
    assert HOSTILE in shown([window.banner, *window.banner.findChildren(type(window.banner.sentence))])
    shown(everything())
