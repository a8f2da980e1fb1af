"""Drafters learn on from the chats only if asked to, while nobody uses the window, and never raise into it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.models.teaching import learning as module
from app.models.teaching.learning import Learning
from app.settings.file import SettingsFile
from app.settings.preferences import Preferences
from app.talk.chat import Chat
from app.talk.standing import Engine
from app.talk.worker import EngineWorker
from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.teaching.learnt import Learnt
from engine.teaching.protocol import Ended, Failed, News, Stopped
from tests.app.models.teaching.test_teaching import ScriptedTeacher
from tests.app.scripted import Opener, ScriptedSession
from tests.app.stage import Start

MODELS = ModelSet("A", {"target": Path("/a"), "block": Path("/b")})
ENDED = Ended("Learnt from 30 answers.", kept=True, outcome="Used.", folder="/f", gain=0.0)


class Alone:
    """A window left alone, with a model that has a block, and the processes that were begun."""

    def __init__(self, chat: Chat, worker: EngineWorker, folder: Path) -> None:
        self.chat, self.worker = chat, worker
        self.preferences = Preferences(SettingsFile(folder / "settings.json"))
        self.made: list[ScriptedTeacher] = []
        self.mains, self.occupied = True, False
        self.learning = Learning(
            chat,
            self.preferences,
            folder,
            lambda models: models.name.lower(),
            lambda: self.occupied,
            start=self._start,
            mains=lambda: self.mains,
        )

    def _start(self, *asked: object) -> ScriptedTeacher:
        self.made.append(ScriptedTeacher(*asked))  # type: ignore[arg-type]
        return self.made[-1]

    def wait(self) -> None:
        """Let the time go by after which a session may begin."""
        if self.learning.idle.isActive():
            self.learning.idle.stop()
            self.learning.idle.timeout.emit()


@pytest.fixture
def alone(qtbot: QtBot, session: ScriptedSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Alone:
    monkeypatch.setattr(module, "learnt_by", lambda _models: {})
    worker = EngineWorker(Opener(session))
    chat = Chat(worker, Archive())
    chat.open(MODELS)
    qtbot.waitUntil(lambda: chat.engine is Engine.READY)
    return Alone(chat, worker, tmp_path)


def test_it_is_off_until_it_is_asked_for(alone: Alone) -> None:
    assert not alone.learning.idle.isActive()
    alone.wait()
    assert not alone.made
    alone.preferences.change(learning=True)
    assert alone.learning.idle.isActive()
    alone.wait()
    (process,) = alone.made
    asked = (
        "--on",
        "--what",
        "block",
        "--minutes",
        "5",
        "--model",
        "a",
        "--chats",
        str(alone.preferences.file.path.parent),
    )
    assert process.asked == asked
    assert "Learning" in alone.learning.note


def test_it_leaves_off_at_once_and_goes_on_when_left_alone_again(alone: Alone, qtbot: QtBot) -> None:
    alone.preferences.change(learning=True)
    alone.wait()
    alone.learning.give_way(True)
    assert alone.made[0].words[-1] == "stop"
    alone.learning.give_way(False)
    alone.wait()
    assert len(alone.made) == 1  # as long as that process is there
    with qtbot.waitSignal(alone.learning.session.over):
        alone.made[0].hear(Stopped())
        alone.made[0].ended("")
    alone.wait()
    assert len(alone.made) == 2


def test_it_begins_only_where_it_disturbs_nobody(alone: Alone) -> None:
    alone.preferences.change(learning=True)
    alone.mains = False
    alone.wait()
    alone.mains, alone.occupied = True, True
    alone.wait()
    assert not alone.made
    assert alone.learning.idle.isActive()
    alone.occupied = False
    alone.wait()
    assert alone.made
    alone.preferences.change(learning=False)
    assert alone.made[0].words[-1] == "stop"
    assert not alone.learning.idle.isActive()


@pytest.mark.parametrize("told", [ENDED, Failed("The disk is full.", "Make room.")])
def test_a_session_that_is_over_is_said_and_waits(alone: Alone, qtbot: QtBot, told: Ended | Failed) -> None:
    alone.preferences.change(learning=True)
    alone.wait()
    with qtbot.waitSignal(alone.learning.session.over):
        alone.made[0].hear(News("learning", 0.5))
        alone.made[0].hear(told)
        alone.made[0].ended("")
    assert told.sentence in alone.learning.note
    alone.learning.touch()
    alone.wait()
    assert len(alone.made) == 1
    alone.chat.answered.emit("finished")
    alone.wait()
    assert len(alone.made) == 2


def test_what_it_learnt_is_said_and_forgotten(alone: Alone, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"block": Learnt(42, 0.61, 0.64, used=True, of="", seen="")}
    monkeypatch.setattr(module, "learnt_by", lambda _models: known)
    alone.preferences.change(learning=True)
    assert "42 answers; in others, kept apart, a guess is right 61.0 % → 64.0 % of the time" in alone.learning.note
    alone.wait()

    def refuses() -> None:
        raise UpdraftError("It cannot be deleted.", "Try again.")

    gone: list[None] = []
    alone.learning.forgotten.connect(lambda: gone.append(None))
    monkeypatch.setattr(module, "forget", known.clear)
    alone.learning.forget()
    assert alone.made[0].words[-1] == "kill", "asked to leave off it writes down once more what is to be forgotten"
    assert not alone.learning.session.under_way
    assert alone.learning.note == ""
    assert len(gone) == 1, "the model in memory guesses by it still"
    monkeypatch.setattr(module, "forget", refuses)
    alone.learning.forget()
    assert alone.learning.note == "It cannot be deleted. Try again."
    assert len(gone) == 1


def test_a_model_without_such_a_drafter_says_so(alone: Alone) -> None:
    alone.preferences.change(learning=True)
    alone.chat.open(ModelSet("B", {"target": Path("/a")}))
    assert "no drafter that learns on" in alone.learning.note
    alone.wait()
    assert not alone.made


def test_the_settings_show_it(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    running = start()
    wanted: list[None] = []
    running.window.dialogs.forget_wanted.connect(lambda: wanted.append(None))
    running.window.dialogs.learnt = lambda: "Learnt from 42 answers."
    field = running.window.dialogs.settings().learning
    assert field.note.text() == "Learnt from 42 answers."
    assert not field.box.isChecked()
    field.forget.click()
    assert wanted
    running.window.dialogs.learnt = str
    running.window.dialogs.show_learnt()
    assert field.note.isHidden()
