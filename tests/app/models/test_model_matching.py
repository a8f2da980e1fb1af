"""A chat is answered by the models it was written with."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.application import Application
from app.conversations.archive import Archive
from engine.config import ModelSet
from engine.library import starter_models
from tests.app.scripted import Opener
from tests.app.stage import MODELS, Ask, Start


@pytest.fixture
def two(start: Start, ask: Ask, qtbot: QtBot, tmp_path: Path) -> tuple[Application, int, int]:
    """Give a program, a chat written with Starter, and another, shown, written with Other."""
    running = start(archive=Archive(tmp_path / "data"))
    other = ModelSet.alone("Other", tmp_path)
    running.window.picker.offer([other])
    ask(running, "One")
    first = running.chat.current.conversation.id
    running.chat.start_new()
    running.window.picker.open(other)
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    ask(running, "Two")
    return running, first, running.chat.current.conversation.id


def show(qtbot: QtBot, running: Application, chat: int) -> None:
    running.chat.open_chat(chat)
    qtbot.waitUntil(lambda: running.chat.current.conversation.id == chat)


def test_the_line_below_an_answer_names_its_model(two: tuple[Application, int, int], qtbot: QtBot) -> None:
    """Guards: answers of several models that cannot be told apart."""
    running, first, _ = two
    answers = running.window.transcript.answers
    assert answers[-1].status.text().startswith("Other")
    show(qtbot, running, first)
    qtbot.waitUntil(lambda: running.window.transcript.answers[-1].status.text().startswith("Starter"))


def test_only_who_writes_waits_for_models(
    two: tuple[Application, int, int], qtbot: QtBot, opener: Opener, ask: Ask
) -> None:
    """Guards: gigabytes loaded because somebody looked into an old chat; a chat gone on with by another model."""
    running, first, second = two
    window, loaded = running.window, len(opener.opened)
    show(qtbot, running, first)
    assert window.topbar.models.text() == "Starter"
    assert window.composer.meter.text() == ""
    show(qtbot, running, second)
    assert window.topbar.models.text() == "Other"
    qtbot.wait(20)
    assert len(opener.opened) == loaded
    show(qtbot, running, first)
    window.activateWindow()
    window.composer.field.setFocus()
    QTest.keyClicks(window.composer.field, "M")
    assert running.chat.models == MODELS  # on its way while the question is written
    ask(running, "More")
    assert len(opener.opened) == loaded + 1
    assert running.chat.current.conversation.messages[-1].model == "Starter"
    show(qtbot, running, second)
    with qtbot.waitSignal(running.chat.answered):
        assert running.chat.regenerate(running.chat.current.conversation.messages[-1].id)
    assert running.chat.current.conversation.messages[-1].model == "Other"


def test_a_choice_stands(two: tuple[Application, int, int], qtbot: QtBot, ask: Ask) -> None:
    """Guards: a model chosen for a chat and taken back, because it was begun with another."""
    running, first, _ = two
    show(qtbot, running, first)
    running.window.picker.open(running.window.picker.named("Other"))  # type: ignore[arg-type]
    ask(running, "More")
    assert running.chat.current.conversation.messages[-1].model == "Other"
    running.chat.start_new()
    assert running.window.topbar.models.text() == "Other"


def test_a_model_that_is_missing_is_named(
    two: tuple[Application, int, int], qtbot: QtBot, ask: Ask, opener: Opener
) -> None:
    """Guards: a chat quietly gone on with by another model."""
    running, first, second = two
    window, loaded = running.window, len(opener.opened)
    show(qtbot, running, first)
    window.picker.offer([])
    assert not window.banner.isVisible()
    running.window.picker.open(MODELS)
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    show(qtbot, running, second)
    assert window.banner.sentence.text() == "Other, which wrote this chat, is not on this computer."
    assert [b.text() for b in window.banner.buttons.values() if b.isVisible()] == ["Get it…", "Use the present model"]
    assert window.banner.property("calm")
    got: list[bool] = []
    window.get_wanted.connect(lambda: got.append(True))
    window.banner.buttons["get"].click()
    assert got == [True]
    show(qtbot, running, first)
    show(qtbot, running, second)
    window.banner.buttons["present"].click()
    assert not window.banner.isVisible()
    ask(running, "More")
    assert running.chat.current.conversation.messages[-1].model == "Starter"
    assert len(opener.opened) == loaded + 1


def test_a_model_that_was_renamed_is_found(two: tuple[Application, int, int], qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: a chat called homeless because its model got another name in the library."""
    running, first, second = two
    renamed = ModelSet.alone("My own name", tmp_path)
    show(qtbot, running, first)
    running.window.picker.open(MODELS)
    qtbot.waitUntil(lambda: running.chat.engine.value == "ready")
    running.window.picker.offer([renamed], {"Other": renamed}.get)
    show(qtbot, running, second)
    assert running.chat.next_models == renamed
    assert not running.window.banner.isVisible()


@pytest.mark.parametrize("former", ["Starter", "Tiny (early exits)"])
def test_the_starter_stands_in_for_former_ones(start: Start, tmp_path: Path, former: str) -> None:
    """Guards: chats of an earlier version, whose models are said to be gone."""
    picker = start(ModelSet.alone("Other", tmp_path)).window.picker
    assert picker.named(former) is None
    picker.offer([starter_models()])
    assert picker.named(former) == starter_models()
