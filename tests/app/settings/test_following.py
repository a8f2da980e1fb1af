"""Settings nobody touched are the model's own: shown as such, used as such, and found again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.settings.arguments import read_arguments
from app.settings.fields import Field, FollowingField
from app.settings.kinds import Unfit
from app.settings.options import OPTIONS, Settings
from engine.config import Chosen, Sampling, Traits
from tests.app.scripted import ScriptedSession
from tests.app.stage import MODELS, Ask, Start

SUGGESTED = Traits(Chosen(temperature=0.6, top_k=20), thinks=True)


def box(field: Field) -> Any:
    """Return the spin box, whole numbers or not."""
    assert isinstance(field, FollowingField)
    return field.box


def shown(button: QPushButton) -> bool:
    return button.isVisible()


def test_what_nobody_chose_is_left_to_the_model() -> None:
    """Guards: defaults of ours that stand over what a model's makers measured."""
    assert Settings().sampling == Chosen()
    assert replace(Settings(), temperature=0.0).sampling == Chosen(temperature=0.0)
    for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty"):
        kind: Any = OPTIONS[name].kind
        assert kind.usual == getattr(Sampling(), name)
        assert kind.check(None) is kind.parse("model") is None
        assert kind.plain(kind.check(kind.usual)) == kind.usual
        with pytest.raises(Unfit):
            kind.check(-5)
    assert read_arguments(["--temperature", "model", "--top-k", "off"]).given == {"temperature": None, "top_k": 0}


def test_the_settings_say_where_a_value_comes_from(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a number that is not the one in force, and a choice nobody can take back."""
    session.traits = SUGGESTED
    running = start()
    dialog = running.window.dialogs.settings()
    temperature, top_k, top_p = (dialog.fields[name] for name in ("temperature", "top_k", "top_p"))
    assert isinstance(temperature, FollowingField)
    assert box(temperature).text().endswith("from the model")
    assert box(temperature).value() == 0.6
    assert box(top_k).text() == "20  from the model"
    assert box(top_p).text().endswith("usual")
    assert not shown(temperature.back)
    before = running.preferences.settings
    box(temperature).setValue(0.3)
    assert running.preferences.settings == replace(before, temperature=0.3)
    assert box(temperature).suffix() == ""
    qtbot.waitUntil(lambda: shown(temperature.back))
    temperature.back.click()
    assert running.preferences.settings == before
    assert box(temperature).value() == 0.6
    session.traits = Traits(Chosen(temperature=1.0, top_k=0))
    running.chat.open(replace(MODELS, name="Other"))
    qtbot.waitUntil(lambda: box(temperature).value() == 1.0)
    assert box(top_k).text() == "off  from the model"
    form = running.window.topbar.sampling.form
    assert box(form.fields["temperature"]).value() == 1.0


def test_a_chat_keeps_what_was_chosen_for_it(start: Start, ask: Ask, session: ScriptedSession) -> None:
    """Guards: a choice that turns the model's other values into ours."""
    session.traits = SUGGESTED
    running = start()
    box(running.window.topbar.sampling.form.fields["top_p"]).setValue(0.8)
    ask(running, "One")
    running.window.menus.actions["New chat"].trigger()
    ask(running, "Two")
    assert [sampling for _, sampling, _ in session.options] == [Chosen(top_p=0.8), Chosen()]
    assert [most for _, _, most in session.options] == [None, None]


def test_thinking_is_switched_beside_the_composer(
    start: Start, ask: Ask, qtbot: QtBot, session: ScriptedSession
) -> None:
    """Guards: no way to switch thinking off, a switch for models that have none, a chat that forgets it."""
    session.traits = SUGGESTED
    running = start()
    think = running.window.composer.think
    assert think.isVisible()
    assert think.isChecked()
    ask(running, "One")
    think.click()
    assert not think.isChecked()
    ask(running, "Two")
    assert session.thinking == [None, False]
    running.window.menus.actions["New chat"].trigger()
    assert think.isChecked()
    running.preferences.change(thinking="none")
    assert not think.isChecked()
    ask(running, "Three")
    assert session.thinking[-1] is False
    session.traits = Traits()
    running.chat.open(replace(MODELS, name="Other"))
    qtbot.waitUntil(lambda: not think.isVisible())
