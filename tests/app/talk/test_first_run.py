"""The answer that is given by itself at the very first start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.application import Application
from app.ink.marks import Mark
from app.messages.demonstration import CAPTIONS, TITLE, Demonstration
from app.talk import first_run
from app.talk.first_run import SEEN, FirstRun
from engine.config import PRESETS, ModelSet
from engine.errors import CheckpointError
from tests.app.scripted import Opener, ScriptedSession, endless, plain
from tests.app.stage import MODELS, Start

SHORT = 30  # ms for a sentence


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_run, "TURN", SHORT)


def first_of(running: Application) -> FirstRun:
    assert running.first_run is not None
    return running.first_run


def shown(running: Application) -> Demonstration:
    demonstration = first_of(running).demonstration
    assert demonstration is not None
    return demonstration


def told(demonstration: Demonstration) -> list[Mark]:
    return [mark for mark, (_, sentence) in demonstration.captions.items() if not sentence.isHidden()]


def usual(running: Application) -> bool:
    return running.window.transcript.welcome.buttons[0].isVisible()


def test_three_sentences_in_turn_and_then_the_usual(
    start: Start, qtbot: QtBot, opener: Opener, settings: QSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: sentences about marks that are not there, an answer kept as a chat, a model left out of place."""
    seen: list[list[Mark]] = []
    explain = Demonstration.explain

    def watched(demonstration: Demonstration, *, complete: bool) -> bool:
        found = explain(demonstration, complete=complete)
        seen.append(told(demonstration))
        return found

    monkeypatch.setattr(Demonstration, "explain", watched)
    running = start(wait=False, first=True)
    qtbot.waitUntil(lambda: first_of(running).demonstration is not None)
    assert not usual(running)
    with qtbot.waitSignal(first_of(running).over) as over:
        pass
    assert over.args == [False]
    assert list(dict.fromkeys(map(tuple, filter(None, seen)))) == [tuple(CAPTIONS)[:count] for count in (1, 2, 3)]
    assert usual(running)
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    assert opener.opened == [MODELS, MODELS]
    assert (running.chat.current.conversation.messages, running.archive.chats) == ((), {})
    assert settings.value(SEEN, False, bool)


@pytest.mark.parametrize(("roles", "preset"), [(("target", "draft"), "draft"), (("target", "draft", "head"), "head")])
def test_what_guesses_ahead_is_shown(
    start: Start, qtbot: QtBot, opener: Opener, roles: tuple[str, ...], preset: str
) -> None:
    """Guards: a first answer of other models, or in other ways, than it was made for."""
    running = start(first=True)
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    opener.opened.clear()
    models = ModelSet("Some", {role: Path(role) for role in roles})
    first_of(running).begin(models)
    request = first_of(running)._asking.request
    assert request is not None
    assert request.preset == PRESETS[preset]
    qtbot.waitUntil(lambda: bool(opener.opened))
    assert opener.opened == [models]


def test_a_model_by_itself_has_nothing_to_show(start: Start, opener: Opener) -> None:
    """Guards: three sentences about guesses beside an answer without any."""
    alone = ModelSet.alone("Alone", Path("alone"))
    running = start(alone, first=True)
    assert first_of(running).demonstration is None
    assert opener.opened == [alone]
    assert first_of(running).due(MODELS)


def test_never_again_and_never_unasked(start: Start, qtbot: QtBot, opener: Opener, settings: QSettings) -> None:
    settings.setValue(SEEN, True)
    assert start(first=True).first_run is not None
    assert start().first_run is None
    assert opener.opened == [MODELS, MODELS]


def press_escape(running: Application) -> None:
    QTest.keyClick(running.window.composer.field, Qt.Key.Key_Escape)


def write(running: Application) -> None:
    QTest.keyClicks(running.window.composer.field, "W")


def click_on_it(running: Application) -> None:
    QTest.mouseClick(shown(running), Qt.MouseButton.LeftButton)


def click_on_skip(running: Application) -> None:
    QTest.mouseClick(shown(running).skip, Qt.MouseButton.LeftButton)


def click_elsewhere(running: Application) -> None:
    QTest.mouseClick(running.window.sidebar, Qt.MouseButton.LeftButton, pos=QPoint(3, 300))


@pytest.mark.parametrize(
    ("act", "writing"),
    [(press_escape, False), (click_on_it, False), (click_on_skip, False), (write, True), (click_elsewhere, True)],
)
def test_it_gives_way(
    start: Start, qtbot: QtBot, session: ScriptedSession, act: Callable[[Application], None], writing: bool
) -> None:
    """Guards: somebody who has to wait, a letter that is lost, a wizard over what is being written."""
    session.play, session.delay = lambda _: endless(), 0.005
    running = start(wait=False, first=True)
    qtbot.waitUntil(lambda: first_of(running).demonstration is not None and bool(told(shown(running))))
    with qtbot.waitSignal(first_of(running).over) as over:
        act(running)
    assert over.args == [writing]
    assert usual(running)
    assert running.window.composer.text == ("W" if act is write else "")
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    assert session.cut == 1


def test_what_cannot_be_shown_is_left_out(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a first start that hangs because nothing was rejected, or nothing guessed."""
    session.play = lambda _: plain()
    running = start(first=True)
    qtbot.waitUntil(lambda: usual(running))


def test_models_that_do_not_load_are_no_matter(start: Start, qtbot: QtBot, opener: Opener) -> None:
    opener.error = CheckpointError("No.", "")
    running = start(first=True)
    qtbot.waitUntil(lambda: usual(running))


def test_it_fits_the_smallest_window_and_keeps_still(
    start: Start, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Guards: a sentence below the edge; movement where none is wanted; sentences a screen reader cannot find."""
    monkeypatch.setattr(first_run, "TURN", 10 * SHORT)
    (tmp_path / "settings.json").write_text('{"appearance": {"motion": "reduced"}}')
    running = start(wait=False, first=True)
    running.window.resize(800, 600)
    qtbot.waitUntil(lambda: first_of(running).demonstration is not None and len(told(shown(running))) == 3)
    demonstration, area = shown(running), running.window.transcript.viewport()
    sentence = demonstration.captions[Mark.WRITTEN][1]
    assert sentence.mapTo(area, sentence.rect().bottomLeft()).y() < area.height()
    assert not demonstration.answer._style.moving
    assert (demonstration.accessibleName(), sentence.text()) == (TITLE, CAPTIONS[Mark.WRITTEN][1])
