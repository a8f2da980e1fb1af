"""Faults nobody foresaw, told in plain words: want of memory and folders that are gone have sentences of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from pytestqt.qtbot import QtBot

from app.talk.faults import want_of_memory
from app.talk.worker import open_engine
from engine.config import ModelSet
from engine.errors import CheckpointError
from engine.events import Event
from tests.app.scripted import STORY, ScriptedSession, speculated
from tests.app.stage import Ask, Start


def on_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("fill", [lambda: bytearray(1 << 60), lambda: torch.empty(10**14), on_a_gpu])
def test_want_of_memory_is_known_by_its_errors(fill: Callable[[], object]) -> None:
    """Guards: "an unexpected fault" where the plain truth is that memory ran out, and no hint what to do about it."""
    with pytest.raises((MemoryError, RuntimeError)) as raised:
        fill()
    assert want_of_memory(raised.value)
    assert not want_of_memory(RuntimeError("shapes differ"))


def test_an_answer_for_which_memory_runs_out(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards: memory that ran out told without a way out, or a question lost with it."""

    def full(_: object) -> Iterator[Event]:
        yield from list(speculated())[:3]
        raise MemoryError

    session.play = full
    running = start()
    ask(running, "Too much?")
    banner = running.window.banner
    qtbot.waitUntil(banner.isVisible)
    assert banner.sentence.text() == "There is not enough memory to go on."
    assert [name for name, button in banner.buttons.items() if button.isVisible()] == ["retry", "new chat", "model"]
    session.play = lambda _: speculated()
    with qtbot.waitSignal(running.chat.answered):
        banner.buttons["retry"].click()
    assert [message.text for message in running.chat.current.conversation.messages] == ["Too much?", STORY]
    assert "MemoryError" in caplog.text


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    """Guards: a drive that is not connected told as a file missing from it."""
    (tmp_path / "target").mkdir()
    models = ModelSet("Away", {role: tmp_path / role for role in ("target", "draft")})
    with pytest.raises(CheckpointError, match="The folder of Away is not there") as raised:
        next(open_engine(models))
    assert str(tmp_path / "draft") in raised.value.sentence
    assert "connect it" in raised.value.hint
    packed = tmp_path / "model.gguf"
    packed.touch()
    with pytest.raises(CheckpointError, match="is a GGUF file"):
        next(open_engine(ModelSet.alone("Packed", packed)))
