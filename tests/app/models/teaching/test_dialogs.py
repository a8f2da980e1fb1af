"""Teaching in the window: from the menu to the level that is there at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.application import Application
from app.models.teaching.dialogs import LEFT, TeachingDialogs
from app.models.teaching.order import Order
from app.models.teaching.page import TeachingPage
from app.talk.standing import Engine
from engine.config import models_in
from engine.library.taught import keep, taught_here, with_taught
from engine.teaching.home import OWN, Asked, folder_of, note
from engine.teaching.protocol import Ended, Failed, News
from tests.app.models.conftest import POCKET, Serve, answer, pocket_head
from tests.app.models.teaching.test_teaching import ScriptedTeacher
from tests.app.scripted import Opener, ScriptedSession, speculated


class Classroom:
    """The window, with processes that say what a test has them say."""

    def __init__(self, serve: Serve, qtbot: QtBot) -> None:
        self.made: list[ScriptedTeacher] = []
        self.session = ScriptedSession(lambda _: speculated())
        self.opener = Opener(self.session)
        self.running: Application = serve(self.opener)
        assert self.running.teaching is not None
        self.dialogs: TeachingDialogs = self.running.teaching
        self.dialogs.teaching._start = self._start
        self.qtbot = qtbot
        qtbot.waitUntil(lambda: self.running.chat.engine is Engine.READY)

    def _start(self, *asked: object) -> ScriptedTeacher:
        self.made.append(ScriptedTeacher(*asked))  # type: ignore[arg-type]
        return self.made[-1]

    @property
    def page(self) -> TeachingPage:
        return self.dialogs.page

    @property
    def process(self) -> ScriptedTeacher:
        return self.made[-1]

    def begin(self) -> None:
        self.dialogs.action.trigger()
        self.qtbot.waitUntil(lambda: "chats" in self.page.choosing.own.text())
        self.page.choosing.begin.click()
        self.qtbot.waitUntil(lambda: bool(self.made))

    def end_with(self, told: object) -> None:
        self.process.hear(told)  # type: ignore[arg-type]
        with self.qtbot.waitSignal(self.dialogs.teaching.over):
            self.process.ended("")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.library.taught.user_data_path", lambda *_, **__: tmp_path / "data")


@pytest.fixture
def classroom(serve: Serve, qtbot: QtBot) -> Classroom:
    return Classroom(serve, qtbot)


def test_a_drafter_that_is_kept_is_there_at_once(classroom: Classroom, tmp_path: Path) -> None:
    """Guards against a level that appears only after a restart."""
    made = tmp_path / "made"
    made.mkdir()
    for name, content in pocket_head().items():
        (made / name).write_bytes(content)
    classroom.begin()
    assert classroom.process.asked == ("--what", "head", "--minutes", "30", "--model", str(POCKET))
    assert classroom.page.watching.isVisible()
    assert not classroom.dialogs.line.isHidden()
    kept = keep(POCKET, "head", made)
    classroom.end_with(Ended("Faster.", True, "It has it now.", str(made), 1.4))
    chat = classroom.running.chat
    classroom.qtbot.waitUntil(lambda: chat.models is not None and chat.models.models.get("head") == kept)
    assert classroom.running.window.topbar.presets["head"].isEnabled()
    assert classroom.dialogs.line.isHidden()
    classroom.page.watching.use.click()
    classroom.qtbot.waitUntil(lambda: chat.preset.name == "head")


def test_one_that_is_not_faster_changes_nothing(classroom: Classroom) -> None:
    classroom.begin()
    opened = len(classroom.opener.opened)
    classroom.end_with(Ended("Slower.", False, "Nothing was changed.", "/made", 0.9))
    assert classroom.page.watching.since.text().endswith("nothing was changed")
    assert not classroom.page.watching.use.isVisible()
    assert len(classroom.opener.opened) == opened


def test_what_does_not_fit_is_refused_where_it_was_asked_for(classroom: Classroom) -> None:
    classroom.begin()
    classroom.end_with(Failed("It takes 8.9 GB, and 5.1 GB are free.", "Close other programs."))
    assert classroom.page.choosing.isVisible()
    assert classroom.page.choosing.alert.sentence.text() == "It takes 8.9 GB, and 5.1 GB are free."
    assert not classroom.page.choosing.unload.isVisible()  # what does not fit is not memory, as far as is known


def test_a_model_that_is_in_the_way_makes_room_until_it_is_asked_again(classroom: Classroom) -> None:
    """Guards against a refusal whose only cause is the window's own model."""
    classroom.begin()
    classroom.end_with(Failed("It takes 8.9 GB, and 5.1 GB are free.", "Close other programs.", "memory"))
    asked = classroom.process.asked
    classroom.page.choosing.unload.click()
    classroom.qtbot.waitUntil(lambda: classroom.session.closed)
    assert len(classroom.made) == 2
    assert classroom.process.asked == asked
    with classroom.qtbot.waitSignal(classroom.running.chat.answered):
        classroom.running.chat.send("Hello")
    assert classroom.running.chat.engine is Engine.READY
    assert classroom.session.asked


def test_it_gives_way_to_an_answer(classroom: Classroom) -> None:
    """Guards against a GPU that is shared with the answer a person waits for."""
    classroom.begin()
    classroom.process.words.clear()
    with classroom.qtbot.waitSignal(classroom.running.chat.answered):
        classroom.running.chat.send("Hello")
    classroom.qtbot.waitUntil(lambda: classroom.process.words == ["pause", "resume"])


def test_own_questions_are_laid_ready_once_asked_for(classroom: Classroom) -> None:
    with classroom.qtbot.waitSignal(classroom.running.chat.answered):
        classroom.running.chat.send("Why do cats\npurr?")
    classroom.dialogs.action.trigger()
    own = classroom.page.choosing.own
    classroom.qtbot.waitUntil(lambda: "(1)" in own.text())
    assert not own.isChecked()
    own.click()
    classroom.page.choosing.begin.click()
    classroom.qtbot.waitUntil(lambda: bool(classroom.made))
    file = folder_of(POCKET, "head") / OWN
    assert classroom.process.asked[-2:] == ("--own", str(file))
    assert json.loads(file.read_text()) == {"prompt": "Why do cats\npurr?"}


def test_a_course_that_was_left_is_offered(serve: Serve, qtbot: QtBot, settings: QSettings) -> None:
    """Guards against a course that a crash or a closed window loses."""
    folder = folder_of(POCKET, "block")
    note(folder, Asked("block", 60))
    (folder / "progress.json").write_text('{"spent": 720}')
    settings.setValue(LEFT, Order("Tiny", str(POCKET), POCKET, "block", 60).text)
    classroom = Classroom(serve, qtbot)
    toast = classroom.running.window.toast
    assert toast.label.text() == "Tiny was being taught: 12 of 60 minutes are done."
    toast.undo.click()
    assert classroom.process.asked[:4] == ("--what", "block", "--minutes", "60")
    classroom.process.hear(News("learning", 0.2))
    classroom.dialogs.line.click()
    assert classroom.page.watching.isVisible()
    classroom.dialogs.action.trigger()  # one at a time
    assert classroom.page.watching.isVisible()
    classroom.process.ended("")
    classroom.qtbot.waitUntil(lambda: not classroom.dialogs.teaching.under_way)
    classroom.page.watching.again.click()
    assert classroom.page.choosing.left.text() == "A course was left: a block, 12 min of 1 h 0 min are done."
    classroom.page.choosing.resume.click()
    assert classroom.process.asked[:4] == ("--what", "block", "--minutes", "60")


def test_what_was_taught_can_be_taken_away(serve: Serve, qtbot: QtBot, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for name, content in pocket_head().items():
        (made / name).write_bytes(content)
    keep(POCKET, "head", made)
    classroom = Classroom(serve, qtbot)
    chat = classroom.running.chat
    chat.open(with_taught(models_in(POCKET)))
    qtbot.waitUntil(lambda: chat.engine is Engine.READY)
    classroom.dialogs.action.trigger()
    take = next(each for each in classroom.page.findChildren(QPushButton) if each.text() == "Take it away…")
    take.click()
    assert "as they did before" in answer(classroom.page, "Take it away")
    qtbot.waitUntil(lambda: chat.models is not None and "head" not in chat.models.models)
    assert taught_here(POCKET) == {}
