"""The method of each model set: what was chosen for it, else what suits it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from app.application import Application
from app.conversations.conversation import Message, Reply
from app.look.palette import LIGHT
from app.messages.actions import MessageActions
from app.messages.answer import Answer
from app.messages.answer_views import AnswerStyle
from app.messages.message_row import MessageRow
from app.models.chosen_methods import KEPT, ChosenMethods
from app.talk.standing import Engine
from engine.config import ModelSet
from tests.app.scripted import STORY, speculated
from tests.engine.pocket import pocket_models

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16, "intermediate_size": 32,
    "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 64,
}  # fmt: skip


@pytest.fixture
def ordinary(tmp_path: Path) -> ModelSet:
    """Give a model of which nobody trained the exits."""
    (folder := tmp_path / "ordinary").mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return ModelSet.alone("Ordinary", folder)


def test_what_was_chosen_for_a_set_holds_for_it_alone(tmp_path: Path, ordinary: ModelSet) -> None:
    settings = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    methods = ChosenMethods(settings)
    assert (methods.of(ordinary), methods.of(pocket_models())) == ("lookup", "hispec")
    methods.remember(ordinary, "lookup")
    assert settings.value(KEPT) is None, "what it begins with anyway may become better"
    methods.remember(ordinary, "plain")
    again = ChosenMethods(settings)
    assert (again.of(ordinary), again.of(pocket_models())) == ("plain", "hispec")
    assert again.of(ModelSet.alone("gone", tmp_path / "gone")) is None
    for damaged in ("", "[]", "{", '{"Ordinary": 3}', '{"Ordinary": "hsd"}'):
        settings.setValue(KEPT, damaged)
        assert ChosenMethods(settings).of(ordinary) == "lookup"


def test_an_ordinary_model_is_not_slowed_and_keeps_what_is_chosen(
    start: Callable[..., Application], qtbot: QtBot, ordinary: ModelSet
) -> None:
    """Its untrained exits made an imported model three to four times slower, with no way to end it."""
    running = start()

    def opened(models: ModelSet) -> str:
        running.window.picker.open(models)
        qtbot.waitUntil(lambda: running.chat.engine is Engine.READY)
        return running.chat.preset.name

    assert opened(ordinary) == "lookup"
    running.window.transcript.message_actions.plain.emit()
    assert running.chat.preset.name == running.preferences.settings.preset == "plain"
    assert running.window.topbar.presets["plain"].isChecked()
    trained = pocket_models()
    assert opened(trained) == "hispec"
    assert opened(ordinary) == "plain"
    running.window.topbar.presets["lookup"].trigger()
    assert opened(trained) == "hispec"
    assert opened(ordinary) == "lookup"


def test_a_slow_answer_offers_to_turn_speculation_off(start: Callable[..., Application], qtbot: QtBot) -> None:
    """Guards: "slower here" with nothing to be done about it, and the offer beside an answer that gained."""
    for seconds, offered in ((0.4, True), (0.035, False)):
        answer = Answer(AnswerStyle(LIGHT, moving=False))
        row = MessageRow(answer, actions := MessageActions(), asks=False)
        qtbot.addWidget(row)
        events = tuple(speculated(STORY * 2, seconds=seconds))
        reply = Reply().after(events).ended("finished")
        answer.load(reply.text, reply.events, "finished")
        row.show_message(Message("assistant", reply.text, reply, 7), [7], last=True)
        assert row.plain.isVisibleTo(row) == offered
        if offered:
            with qtbot.waitSignal(actions.plain):
                row.plain.click()
            assert not row.plain.isVisibleTo(row)
