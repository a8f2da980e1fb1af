"""Asking, stopping, failing and trying again, over the real worker on its real thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.talk.standing import Engine
from engine.config import PRESETS, Chosen, ModelSet
from engine.errors import CheckpointError, ContextFull, DeviceError
from engine.events import Event, Loading
from tests.app.scripted import STORY, Opener, ScriptedSession, endless, speculated
from tests.app.stage import MODELS, Ask, Start


def test_stop_ends_within_a_round_and_keeps_the_text(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a stop that runs only after the reply (queued behind it), lost text, an iterator left open."""
    session.play, session.delay = (lambda _: endless()), 0.003
    running = start()
    chat = running.chat
    chat.send("Count.")
    qtbot.waitUntil(lambda: chat.flight.tally.tokens > 5)
    with qtbot.waitSignal(chat.answered, timeout=1000) as end:
        chat.stop()
        assert running.window.composer.button.text() == "Stopping…"
        assert not running.window.composer.button.isEnabled()
    assert end.args == ["stopped"]
    assert session.cut == 1
    assert chat.current.conversation.messages[-1].text.startswith(" 0 1 2")
    answer = running.window.transcript.answers[-1]
    assert answer.status.text().startswith("stopped")
    assert answer.source() == chat.current.conversation.messages[-1].text
    assert running.window.composer.button.text() == "Send"


def test_an_answer_that_stalls_can_still_be_left(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a new chat that shows, or waits for, what belongs to the old one."""
    release = threading.Event()

    def stalled(messages: object) -> Iterator[Event]:
        events = endless()
        yield next(events)
        release.wait(5)
        yield next(events)

    session.play = stalled
    running = start()
    running.chat.send("Old")
    qtbot.waitUntil(lambda: running.chat.flight.tally.started is not None)
    running.chat.start_new()
    assert not running.chat.busy
    session.play = lambda _: speculated()
    running.chat.send("New")
    release.set()
    with qtbot.waitSignal(running.chat.answered):
        pass
    assert [m.text for m in running.chat.current.conversation.messages] == ["New", STORY]
    assert len(running.window.transcript.answers) == 1
    assert running.window.transcript.answers[0].source() == STORY


def test_a_question_comes_before_what_is_made_ready_between_answers(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: an answer that waits for what was to make it faster; or nothing made ready at all, or for ever."""
    steps, ended = list[int](), list[int]()

    def rest() -> Iterator[Loading]:
        try:
            while True:
                steps.append(len(ended))
                yield Loading("Auto on the GPU", 0.5)
        finally:
            ended.append(1)

    monkeypatch.setattr(session, "rest", rest)
    running = start()
    for before in (0, 1):
        ask(running, "Hello")
        qtbot.waitUntil(lambda before=before: steps.count(before) > 3)  # type: ignore[misc]
    assert len(ended) == 1
    monkeypatch.undo()
    ask(running, "Hello")
    assert len(ended) == 2


def test_events_of_another_answer_are_dropped(start: Start, qtbot: QtBot, ask: Ask) -> None:
    """Guards: late events of a stopped answer written into the next one."""
    running = start()
    ask(running, "One")
    before = running.window.transcript.answers[-1].source()
    for event in speculated("Late words"):
        running.worker.event_arrived.emit(1, event)
        running.worker.event_arrived.emit(99, event)
    running.worker.ended.emit(99, None)
    qtbot.wait(80)
    assert running.window.transcript.answers[-1].source() == before
    assert len(running.chat.current.conversation.messages) == 2


def test_a_foreseen_error_is_shown_and_retried(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: an error without its hint, a question lost with it, a retry that asks something else."""

    def full(_: object) -> Iterator[Event]:
        raise ContextFull(5000, 1024)

    session.play = full
    running = start()
    banner = running.window.banner
    running.chat.send("Too long?")
    qtbot.waitUntil(banner.isVisible)
    assert banner.sentence.text() == "The conversation needs 5,000 tokens but the model can hold 1,024."
    assert banner.hint.text().startswith("Start a new chat")
    assert not banner.buttons["folder"].isVisible()
    assert running.chat.engine is Engine.READY
    session.play = lambda _: speculated()
    with qtbot.waitSignal(running.chat.answered):
        banner.buttons["retry"].click()
    assert not banner.isVisible()
    assert session.asked == [(("user", "Too long?"),)] * 2
    assert [m.text for m in running.chat.current.conversation.messages] == ["Too long?", STORY]
    assert len(running.window.transcript.answers) == 1


def test_an_unforeseen_fault_is_told_logged_and_survived(
    start: Start, qtbot: QtBot, session: ScriptedSession, opener: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards: a window that waits for ever because the engine's thread swallowed an exception."""

    def broken(_: object) -> Iterator[Event]:
        yield from list(speculated())[:6]
        raise RuntimeError("boom")

    session.play = broken
    running = start()
    running.chat.send("Hello")
    qtbot.waitUntil(running.window.banner.isVisible)
    assert "unexpected fault" in running.window.banner.sentence.text()
    assert "boom" in caplog.text
    assert session.closed
    partial = running.chat.current.conversation.messages[-1]
    assert partial.role == "assistant"
    assert STORY.startswith(partial.text)
    session.play = lambda _: speculated()
    with qtbot.waitSignal(running.chat.answered):
        running.window.banner.buttons["retry"].click()
    assert len(opener.opened) == 2
    assert [m.text for m in running.chat.current.conversation.messages] == ["Hello", STORY]


def test_a_model_that_cannot_be_loaded(start: Start, qtbot: QtBot, opener: Opener) -> None:
    """Guards: a failed load that leaves the window loading, or that loses the question waiting for it."""
    opener.error = CheckpointError("Starter has no weights.", "Choose another folder.")
    opener.delay = 0.05
    running = start(wait=False)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.LOADING)
    running.chat.send("Hello?")
    qtbot.waitUntil(running.window.banner.isVisible)
    assert running.window.banner.sentence.text() == "Starter has no weights."
    assert running.window.banner.buttons["folder"].isVisible()
    assert not running.window.footer.loading.isVisible()
    assert not running.chat.busy
    opener.error = None
    with qtbot.waitSignal(running.chat.answered):
        running.window.banner.buttons["retry"].click()
    assert [m.text for m in running.chat.current.conversation.messages] == ["Hello?", STORY]


def test_an_unforeseen_fault_while_loading(start: Start, qtbot: QtBot, opener: Opener) -> None:
    """Guards: only foreseen errors of loading reaching the window."""
    opener.error = OSError("disk on fire")
    running = start()
    qtbot.waitUntil(running.window.banner.isVisible)
    assert running.chat.engine is Engine.DOWN
    assert "could not be loaded" in running.window.banner.sentence.text()


def test_a_model_is_opened_ready_for_its_preset(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a first answer that has to load and record what could have been ready."""
    running = start()
    assert session.prepared == [running.chat.preset]
    assert running.chat.models is not None
    session.refuses = DeviceError("The draft does not fit.", "Choose a smaller set.")
    running.chat.open(running.chat.models)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.READY)  # the target fits; whoever asks is told
    session.refuses = OSError("disk on fire")
    running.chat.open(running.chat.models)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.DOWN)
    assert session.closed


def test_another_length_of_conversation_is_loaded_once(
    start: Start, qtbot: QtBot, opener: Opener, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a model loaded at every step of a field, and an answer ended by it."""
    monkeypatch.setattr("app.application.CHOOSING", 40)
    session.play, session.delay = lambda _: endless(), 0.002
    running = start()
    running.chat.send("Tell me")
    qtbot.waitUntil(lambda: running.chat.flight.reply.started is not None)
    for room in (9216, 10240, 11264):
        running.preferences.change(room=room)
    qtbot.wait(120)
    assert running.chat.busy
    assert len(opener.opened) == 1
    running.chat.stop()
    qtbot.waitUntil(lambda: len(opener.opened) == 2)
    qtbot.wait(100)
    assert len(opener.opened) == 2


def test_a_question_waits_for_the_model(start: Start, qtbot: QtBot, opener: Opener) -> None:
    """Guards: questions refused or lost while the model loads."""
    opener.delay = 0.1
    running = start(wait=False)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.LOADING)
    assert running.window.footer.loading.isVisible()
    with qtbot.waitSignal(running.chat.answered):
        assert running.chat.send("Early")
        assert "waiting" in running.window.transcript.answers[-1].status.text()
    assert running.chat.current.conversation.messages[-1].text == STORY
    assert not running.window.footer.loading.isVisible()


def test_stop_while_the_model_loads_is_immediate(start: Start, qtbot: QtBot, opener: Opener) -> None:
    """Guards: Stop that has to wait until a large model is loaded, and the answer coming after all."""
    opener.delay = 0.1
    running = start(wait=False)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.LOADING)
    running.chat.send("Never mind")
    running.chat.stop()
    assert not running.chat.busy
    qtbot.waitUntil(lambda: running.chat.engine is Engine.READY)
    qtbot.wait(60)
    assert opener.session.asked == []  # its stop event was set before its turn came


def test_choices_reach_the_engine(start: Start, ask: Ask, session: ScriptedSession) -> None:
    """Guards: pickers that change the window and not the request."""
    running = start()
    running.window.topbar.presets["hsd"].trigger()
    fields = running.window.topbar.sampling.form.fields
    for name, value in (("temperature", 0), ("seed", 11), ("max_tokens", 64)):
        fields[name].inner.setValue(value)  # type: ignore[attr-defined]
    ask(running, "Hi")
    assert session.options == [(PRESETS["hsd"], Chosen(temperature=0.0, seed=11), 64)]


def test_another_model_replaces_the_first(start: Start, qtbot: QtBot, ask: Ask, opener: Opener, tmp_path: Path) -> None:
    """Guards: the old session left open, the pace of one model used for another."""
    running = start()
    ask(running, "Hi")
    first = running.chat.flight.tally
    assert first.pace is not None
    (tmp_path / "target").mkdir()
    with qtbot.waitSignal(running.chat.engine_changed):
        running.window.picker.open_folder(tmp_path)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.READY)
    assert opener.opened[-1] == ModelSet.alone(tmp_path.name, tmp_path / "target")
    assert running.chat.flight.tally.pace is None
    assert running.window.topbar.models.text() == tmp_path.name
    ask(running, "Who are you now?")
    assert [m.model for m in running.chat.current.conversation.messages if m.reply] == [MODELS.name, tmp_path.name]
    assert running.chat.current.conversation.model == tmp_path.name
