"""A model that would not fit beside a session is unloaded for it, and is back for whoever writes; nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.conversations.archive import Archive
from app.models.library import ModelLibrary
from app.models.teaching import learning as module
from app.models.teaching.learning import IN_VAIN, Learning
from app.models.teaching.order import Order
from app.presenter import LEAVES_OFF
from app.talk.standing import Engine
from engine.config import ModelSet
from engine.teaching.learnt import Learnt
from engine.teaching.protocol import Ended, Failed, News, Stopped, Told
from tests.app.models.conftest import POCKET
from tests.app.models.teaching.test_teaching import ScriptedTeacher
from tests.app.scripted import STORY, Opener, ScriptedSession, endless, speculated

MODELS, OTHERS = (ModelSet(name, {"target": POCKET, "head": POCKET}) for name in ("A", "B"))
REFUSED = Failed("It takes 10 GB, and 3 GB are free.", "Close other programs.", "memory")
ENDED = Ended("Learnt from 30 answers.", kept=True, outcome="Used.", folder="/f", gain=0.0)


class House:
    """A window that is left alone, and processes that say what a test has them say."""

    def __init__(self, running: Application, session: ScriptedSession, opener: Opener, qtbot: QtBot) -> None:
        assert running.learning is not None
        assert running.teaching is not None
        self.running, self.session, self.opener, self.qtbot = running, session, opener, qtbot
        self.learning: Learning = running.learning
        self.chat, self.strip = running.chat, running.window.footer.loading
        self.made: list[ScriptedTeacher] = []
        self.learning._mains = lambda: True
        for teaching in (self.learning.session, running.teaching.teaching):
            teaching._start = self._start

    def _start(self, *asked: object) -> ScriptedTeacher:
        self.made.append(ScriptedTeacher(*asked))  # type: ignore[arg-type]
        return self.made[-1]

    def wait(self) -> None:
        """Let the time go by after which a session may begin."""
        self.qtbot.waitUntil(lambda: self.chat.engine is Engine.READY and not self.learning._works)
        if self.learning.idle.isActive():
            self.learning.idle.stop()
            self.learning.idle.timeout.emit()

    def end(self, *told: Told, complaint: str = "") -> None:
        """Have the last process tell that, and be gone."""
        for each in told:
            self.made[-1].hear(each)
        with self.qtbot.waitSignal(self.learning.session.over):
            self.made[-1].ended(complaint)

    def lend(self) -> None:
        """Have a session refused, and begun again with the model unloaded."""
        self.wait()
        self.end(REFUSED)
        self.qtbot.waitUntil(lambda: len(self.made) == 2)

    def write(self, text: str) -> None:
        """Type ``text`` and press Return."""
        self.running.window.composer.field.setPlainText(text)
        self.running.window.composer.field.entered.emit()

    def loaded(self, times: int) -> None:
        """Wait until models were loaded so many times, and are there."""
        self.qtbot.waitUntil(lambda: len(self.opener.opened) == times and self.chat.engine is Engine.READY)

    @property
    def said(self) -> list[str]:
        return [message.text for message in self.chat.current.conversation.messages]


@pytest.fixture
def house(
    qapp: QApplication,
    settings: QSettings,
    library: ModelLibrary,
    tmp_path: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    monkeypatch.setattr("engine.library.taught.user_data_path", lambda *_, **__: tmp_path / "taught")
    monkeypatch.setattr(module, "learnt_by", lambda _models: {})
    session = ScriptedSession(lambda _: speculated())
    opener = Opener(session)
    running = Application(qapp, opener, settings, [MODELS], tmp_path, Archive(tmp_path / "data"))
    running.add_library(library, settings)
    running.start(MODELS)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.READY and running.archive.ready)
    running.preferences.change(learning=True)
    yield House(running, session, opener, qtbot)
    running.window.close()
    assert running.end(), "the engine thread did not stop"
    running.window.deleteLater()


def test_where_both_fit_nothing_is_unloaded(house: House) -> None:
    house.wait()
    house.end(News("learning", 0.5), ENDED)
    assert not house.session.closed
    assert house.chat.engine is Engine.READY
    assert len(house.opener.opened) == 1
    house.learning._answered()
    house.wait()
    house.end(Failed("The disk is full.", "Make room."))  # which no model that goes would mend
    assert not house.session.closed


def test_a_question_brings_the_model_back_and_is_answered(house: House) -> None:
    """Guards against loading beside a session that has the memory, and against a question to no model."""
    house.running.preferences.change(preset="hsd")
    with house.qtbot.waitSignal(house.chat.answered):
        house.write("Before?")
    house.lend()
    assert house.session.closed
    assert "a drafter of A learns from your chats" in house.strip.label.text()
    assert "loading took 1 s last time" in house.strip.label.text()
    assert house.strip.isVisible()
    assert not house.strip.bar.isVisible()
    assert house.strip.label.text() in house.learning.note
    assert house.said == ["Before?", STORY]
    house.write("And now?")
    assert house.made[1].words[-1] == "stop"
    assert house.strip.label.text() == LEAVES_OFF
    assert house.strip.bar.isVisible()
    house.made[1].hear(Stopped())
    house.qtbot.waitUntil(lambda: bool(house.learning.session.progress and house.learning.session.progress.over))
    assert house.session.closed
    with house.qtbot.waitSignal(house.chat.answered):
        house.made[1].ended("")
    assert house.said == ["Before?", STORY, "And now?", STORY]
    assert house.opener.opened == [MODELS, MODELS]
    assert [preset.name for preset, *_ in house.session.options] == ["hsd", "hsd"]
    assert not house.strip.isVisible()


def test_writing_is_enough_and_a_session_that_stays_is_killed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HASTE", 0)
    house.lend()
    house.running.window.composer.field.setPlainText("He")
    house.loaded(2)
    assert house.made[1].words[-2:] == ["stop", "kill"]


@pytest.mark.parametrize(
    ("told", "complaint"), [((ENDED,), ""), ((Failed("Full.", "Make room."),), ""), ((), "Killed")]
)
def test_however_a_session_ends_the_model_is_back(house: House, told: tuple[Told, ...], complaint: str) -> None:
    house.lend()
    house.end(News("learning", 0.5), *told, complaint=complaint)
    house.loaded(2)
    assert not house.strip.isVisible()
    house.wait()
    assert len(house.made) == 2


def test_what_is_refused_all_the_same_is_not_unloaded_again(house: House) -> None:
    house.lend()
    house.end(REFUSED)
    house.loaded(2)
    assert house.learning.note == f"{IN_VAIN} {REFUSED.sentence} {REFUSED.hint}"
    house.learning._answered()
    house.wait()
    house.session.closed = False
    house.end(REFUSED)
    assert not house.session.closed
    assert house.learning.note.startswith(IN_VAIN)
    house.running.preferences.change(learning=False)
    house.running.preferences.change(learning=True)
    house.wait()
    house.end(REFUSED)
    house.qtbot.waitUntil(lambda: house.session.closed)


def test_a_question_while_it_is_being_unloaded(house: House) -> None:
    """Guards against a session that begins although somebody is there, and against a model that is never back."""
    house.wait()
    house.learning.session.over.connect(lambda: house.write("Quick?"))  # before the engine has said that it is gone
    with house.qtbot.waitSignal(house.chat.answered):
        house.end(REFUSED)
    assert house.said == ["Quick?", STORY]
    assert len(house.made) == 1


@pytest.mark.parametrize("race", [False, True])
def test_what_is_being_written_keeps_its_model(house: House, race: bool) -> None:
    """Guards against an answer that is cut because a process found no memory."""
    house.wait()
    house.session.play, house.session.delay = lambda _: endless(), 0.002
    if race:
        house.learning.give_way(True)  # no answer of the chat, but one of the engine's
    else:
        house.write("Tell me")
        house.qtbot.waitUntil(lambda: house.chat.flight.reply.started is not None)
    house.end(REFUSED)
    assert house.chat.engine is Engine.READY
    assert house.chat.busy != race
    house.learning._due = True
    house.learning.idle.timeout.emit()
    assert len(house.made) == 1
    house.chat.stop()


def test_another_model_that_is_chosen_waits_for_the_memory(house: House) -> None:
    house.lend()
    house.running.window.picker.open(OTHERS)
    assert house.made[1].words[-1] == "stop"
    assert house.opener.opened == [MODELS]
    house.end(Stopped())
    house.loaded(2)
    assert house.opener.opened[-1] == OTHERS


def _switch_off(house: House) -> None:
    house.running.preferences.change(learning=False)


def _teach(house: House) -> None:
    assert house.running.teaching is not None
    house.running.teaching.teaching.begin(Order("A", None, POCKET, "head", 30))


@pytest.mark.parametrize("act", [_switch_off, _teach])
def test_what_else_ends_it(house: House, act: Callable[[House], None]) -> None:
    house.lend()
    act(house)
    process = house.made[1]
    assert process.words[-1] == "stop"
    with house.qtbot.waitSignal(house.learning.session.over):
        process.ended("")
    house.loaded(2)


def test_what_is_forgotten_is_gone_before_the_model_is_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a model that is loaded with what is being deleted, or twice, or not at all."""
    known = {"head": Learnt(42, 0.61, 0.64, used=True, of="", seen="")}
    found: list[Engine] = []
    monkeypatch.setattr(module, "learnt_by", lambda _models: known)
    monkeypatch.setattr(module, "forget", lambda: found.append(house.chat.engine))
    house.lend()
    house.learning.forget()
    house.loaded(2)
    assert found == [Engine.LENT]
    assert not house.running._reload.isActive()


@pytest.mark.parametrize("asked", [False, True])
def test_the_window_can_be_closed(house: House, asked: bool) -> None:
    """Guards against an end that waits for memory which nobody gives back any more; a question is kept."""
    house.lend()
    if asked:
        house.write("Still there?")
    house.running.window.close()
    assert house.running.end()
    assert house.made[1].words[-1] == "leave"
    assert not house.chat.room.is_set(), "it has its memory until it is gone"
    assert house.opener.opened == [MODELS]
    assert house.said == (["Still there?"] if asked else [])
