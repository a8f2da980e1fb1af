"""A race in the window: run, stopped, failed, played and saved, the conversation behind it untouched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.application import Application
from app.ink.marks import Mark
from app.speculation.race_dialog import RaceDialog
from app.talk import race_window
from app.talk.standing import Engine
from engine.config import PRESETS
from engine.errors import ContextFull
from tests.app.scripted import STORY, ScriptedSession, endless, plain, speculated
from tests.app.stage import Ask, Start


@pytest.fixture
def running(start: Start, ask: Ask, session: ScriptedSession) -> Application:
    """The window with an answer, which can be raced."""
    session.play = lambda _: plain() if session.options[-1][0] == PRESETS["plain"] else speculated()
    running = start()
    running.preferences.change(preset="hsd")
    ask(running, "Tell me a story")
    return running


def dialog_of(running: Application) -> RaceDialog:
    assert running.races.dialog is not None
    return running.races.dialog


def test_the_same_question_twice_and_then_played(
    running: Application, qtbot: QtBot, session: ScriptedSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: two seeds or two prompts, a race kept as an answer, a winner named before the end, marks left out."""
    kept = running.chat.current.conversation
    running.window.transcript.rows[-1].race.click()
    dialog, race = dialog_of(running), running.races.race
    assert dialog.isVisible()
    assert not dialog.keep.isEnabled()
    qtbot.waitUntil(lambda: dialog.outcome is not None)
    assert not race.running
    (fast, drawn, most), (slow, *same) = session.options[-2:]
    assert (fast.name, slow.name) == ("hsd", "plain")
    assert drawn.seed is not None
    assert same == [drawn, most]
    assert session.asked[-1] == session.asked[-2] == session.asked[0]
    assert running.chat.current.conversation == kept
    dialog.player.seek(0.3)
    plainly, quickly = (side.column for side in dialog._sides.values())
    assert plainly.text is not None
    assert quickly.text is not None
    assert 0 < len(plainly.text.toPlainText()) < len(STORY)
    assert plainly.clock.text() == quickly.clock.text()
    QTest.keyClick(dialog.player.scrubber, Qt.Key.Key_End)
    assert plainly.text.toPlainText() == quickly.text.toPlainText() == STORY  # what was rejected is not shown
    assert {Mark.DRAFTED, Mark.CORRECTED, Mark.WRITTEN} <= {mark for _, mark in quickly.text.shown}
    assert dialog.verdict.text() == str(dialog.outcome)
    bar = plainly.run.verticalScrollBar()
    dialog.resize(dialog.minimumSize())
    dialog.player.seek(0.1)
    dialog.player.seek(1e9)
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())  # the end is followed
    target = tmp_path / "race"
    monkeypatch.setattr(race_window, "choose_target", lambda *_: (target, ""))
    dialog.keep.click()
    assert STORY.split()[-1] in target.with_suffix(".html").read_text("utf-8")
    assert "race.html" in dialog.facts.text()
    QTest.keyClick(dialog.player.scrubber, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def press_stop(running: Application) -> None:
    dialog_of(running).stop_it.click()


def press_escape(running: Application) -> None:
    QTest.keyClick(dialog_of(running), Qt.Key.Key_Escape)


def close(running: Application) -> None:
    dialog_of(running).close()


def ask_something(running: Application) -> None:
    running.chat.send("And now?")


def load_again(running: Application) -> None:
    assert running.chat.models is not None
    running.chat.open(running.chat.models)


@pytest.mark.parametrize("act", [press_stop, press_escape, close, ask_something, load_again])
def test_it_ends_at_once(
    running: Application, qtbot: QtBot, session: ScriptedSession, act: Callable[[Application], None]
) -> None:
    """Guards: an engine that writes on for nobody, a question that waits for a race, two answers in one column."""
    session.play, session.delay = lambda _: endless(), 0.002
    running.races.open_last()
    dialog = dialog_of(running)
    qtbot.waitUntil(lambda: dialog._sides["fast"].tally.tokens > 0)
    if act is ask_something:
        session.delay, session.play = 0, lambda _: speculated()
    act(running)
    assert not running.races.race.running
    qtbot.waitUntil(lambda: session.cut == 1 or act is ask_something)
    assert dialog.outcome is None
    assert dialog.verdict.text() == "Stopped."
    if act is ask_something:
        qtbot.waitUntil(lambda: not running.chat.busy)
        assert running.chat.current.conversation.messages[-1].text == STORY


def test_a_closing_window_waits_for_no_race(running: Application, qtbot: QtBot, session: ScriptedSession) -> None:
    session.play, session.delay = lambda _: endless(), 0.002
    running.races.open_last()
    qtbot.waitUntil(lambda: dialog_of(running)._sides["fast"].tally.tokens > 0)
    running.window.close()
    assert running.end()


@pytest.mark.parametrize(
    ("error", "said", "engine"),
    [
        (ContextFull(2000, 1024), "2,000", Engine.READY),
        (RuntimeError("torn"), "The engine stopped because of an unexpected fault.", Engine.DOWN),
    ],
)
def test_an_engine_that_fails(
    running: Application, ask: Ask, qtbot: QtBot, session: ScriptedSession, error: Exception, said: str, engine: Engine
) -> None:
    """Guards: a race that waits for ever, a chat that does not know that the engine has to be begun anew."""
    good, play = session.play, iter([error])

    def fail(_: object) -> list[object]:
        raise next(play)

    session.play = fail  # type: ignore[assignment] # it raises
    running.races.open_last()
    dialog = dialog_of(running)
    qtbot.waitUntil(lambda: not running.races.race.running)
    assert said in dialog.verdict.text()
    assert dialog.facts.text()
    assert running.chat.engine is engine
    session.play = good
    ask(running, "And now?")
    assert running.chat.current.conversation.messages[-1].text == STORY
    dialog.anew.click()
    qtbot.waitUntil(lambda: dialog.outcome is not None)


def test_why_there_is_no_race(running: Application, session: ScriptedSession, qtbot: QtBot) -> None:
    """Guards: a button that does nothing; one that is grey without a reason."""
    row, panel = running.window.transcript.rows[-1], running.window.panel
    buttons = (row.race, panel.pace.race)
    assert all(button.isEnabled() for button in buttons)
    running.preferences.change(preset="plain")
    for button in buttons:
        assert not button.isEnabled()
        assert "the method chosen is Plain" in button.toolTip()
        assert button.accessibleDescription() == button.toolTip()
    running.races.open_last()
    assert running.races.dialog is None
    running.preferences.change(preset="pyramid")
    panel.pace.race.click()
    assert "Pyramid is lossy" in dialog_of(running).how.text()
    session.play = lambda _: endless()
    running.races.race.stop()
    running.chat.send("More")
    assert not any(button.isEnabled() for button in buttons)
    running.chat.stop()
    qtbot.waitUntil(lambda: all(button.isEnabled() for button in buttons))
