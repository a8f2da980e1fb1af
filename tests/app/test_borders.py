"""What is no Exception ends at a thread's border too: panics of libraries written in Rust derive from BaseException."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QMetaObject, Qt
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.store import Store
from app.models.library.task import Task
from app.talk.standing import Engine
from engine.config import ModelSet
from engine.events import Event, Loading, Notice
from tests.app.scripted import STORY, Opener, ScriptedSession, speculated
from tests.app.stage import Ask, Start


class Panic(BaseException):
    """Stands for pyo3's PanicException, which cannot be imported by name."""


def test_a_panic_in_mid_answer_ends_it(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards: a window busy for ever, Stop dead, no further question until a restart."""

    def panics(_: object) -> Iterator[Event]:
        yield from list(speculated())[:6]
        raise Panic("regex too large")

    session.play = panics
    running = start()
    ask(running, "Hello")
    qtbot.waitUntil(running.window.banner.isVisible)
    assert "unexpected fault" in running.window.banner.sentence.text()
    assert "regex too large" in caplog.text
    assert not running.chat.busy
    session.play = lambda _: speculated()
    with qtbot.waitSignal(running.chat.answered):
        running.window.banner.buttons["retry"].click()
    assert [m.text for m in running.chat.current.conversation.messages] == ["Hello", STORY]


def test_a_panic_while_loading_is_told(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: "Loading…" for ever."""

    class Panicking(Opener):
        def __call__(self, models: ModelSet) -> Generator[Loading, None, ScriptedSession]:
            yield Loading(models.name, 0.0)
            raise Panic("vocabulary too large")

    running = start(wait=False)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.READY)
    running.worker._open_session = Panicking(session)
    assert running.chat.models is not None
    running.chat.open(running.chat.models)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.DOWN)
    assert "could not be loaded" in running.window.banner.sentence.text()


def test_a_panic_while_counting_or_describing_is_survived(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: the engine's thread lost for want of a context meter, or of a report."""
    asked: list[str] = []

    def count(_: Sequence[tuple[str, str]]) -> int:
        asked.append("count")
        raise Panic("count")

    def describe() -> Sequence[tuple[str, str]]:
        raise Panic("describe")

    monkeypatch.setattr(session, "count", count)
    monkeypatch.setattr(session, "describe", describe)
    running = start()
    running.window.composer.field.setPlainText("How long am I?")
    qtbot.waitUntil(lambda: bool(asked))
    told: list[object] = []
    running.worker.described.connect(told.append, Qt.ConnectionType.DirectConnection)
    QMetaObject.invokeMethod(running.worker, "describe", Qt.ConnectionType.QueuedConnection)
    qtbot.waitUntil(lambda: told == [(("Engine", "did not answer; the log has the details"),)])
    ask(running, "Hello")
    assert running.chat.current.conversation.messages[-1].text == STORY


def test_a_panic_in_an_errand_is_told(qtbot: QtBot) -> None:
    """Guards: a wizard that waits for ever."""

    def work() -> None:
        raise Panic("errand")

    errand = Task(work)
    with qtbot.waitSignal(errand.failed) as told:
        pass
    assert "unexpected fault" in told.args[0].sentence


def test_a_panic_in_the_store_holds_up_nothing_else(qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: chats no longer kept because one could not be."""

    def panics(_: Store) -> None:
        raise Panic("store")

    archive = Archive(tmp_path, make=True)
    archive.load()
    qtbot.waitUntil(lambda: archive.ready)
    heard: list[object] = []
    archive.ask(panics, heard.append)
    archive.write(panics)
    with qtbot.waitSignal(archive.noted):
        pass
    archive.ask(lambda store: store.named_settings(), heard.append)
    qtbot.waitUntil(lambda: heard == [{}])
    assert archive.end()


def test_what_a_question_needed_is_said(start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a system prompt put elsewhere without a word."""
    session.play = lambda _: iter([Notice("Starter takes no system prompt."), *speculated()])
    running = start()
    ask(running, "Hello")
    banner = running.window.banner
    assert banner.isVisible()
    assert banner.sentence.text() == "Starter takes no system prompt."
    assert banner.property("calm") is True
    assert not any(button.isVisible() for button in banner.buttons.values())
    assert running.chat.current.conversation.messages[-1].text == STORY
