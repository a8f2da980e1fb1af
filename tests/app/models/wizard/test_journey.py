"""From the first start to a first reply of a downloaded model, in the real window, over a network that misbehaves."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWizard
from pytestqt.qtbot import QtBot

from app.models.wizard.wizard import Wizard
from app.models.wizard.wizard_page import ORDER
from app.talk.standing import Engine
from engine.config import PRESETS
from engine.library import Drafter, drafters
from tests.app.models.conftest import FAMILY, POCKET, Serve, pocket_head
from tests.engine.library.hub import FakeHub, Fault

WEIGHTS = "model.safetensors"


def step(wizard: Wizard) -> str:
    return ORDER[wizard.currentId()]


def press_next(wizard: Wizard, qtbot: QtBot) -> None:
    """Press Next by keyboard, as soon as the page lets it."""
    button = wizard.button(QWizard.WizardButton.NextButton)
    qtbot.waitUntil(button.isEnabled, timeout=20_000)
    QTest.keyClick(button, Qt.Key.Key_Space)


HEAD = Drafter("ada/head", "head", 1000, 0, "MIT", "here", "twice as fast, published by Ada")


def test_from_first_start_to_a_reply(
    serve: Serve, hub: FakeHub, settings: QSettings, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: any break between opening Updraft for the first time and talking to a model that was downloaded."""
    monkeypatch.setattr(drafters, "_MADE_FOR", {f"HuggingFaceTB/{FAMILY[0]}": (HEAD,)})
    head = pocket_head()
    hub.publish(HEAD.repository, head)
    size = (POCKET / WEIGHTS).stat().st_size
    hub.faults += [Fault("cut", WEIGHTS, at=size // 3), Fault("status", WEIGHTS, status=500)]
    running = serve()
    assert running.models is not None
    dialogs = running.models
    qtbot.waitUntil(lambda: dialogs.wizard is not None and dialogs.wizard.isVisible(), timeout=20_000)
    wizard = dialogs.wizard
    assert wizard is not None
    assert step(wizard) == "machine"
    qtbot.waitUntil(lambda: "free" in wizard.machine_page.values["Memory"].text())
    press_next(wizard, qtbot)

    qtbot.waitUntil(lambda: bool(wizard.model_page.cards))
    lengths, first = wizard.model_page.context, wizard.model_page.cards[0]
    lengths.setFocus()
    QTest.keyClick(lengths, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: wizard.model_page.cards[0] is not first)
    card = next(card for card in wizard.model_page.cards if card.offer.name == "smollm2")
    card.choice.setFocus()
    QTest.keyClick(card.choice, Qt.Key.Key_Space)
    card.drafter.click()
    assert running.preferences.settings.room == 8192, "what is only looked at is no setting yet"
    press_next(wizard, qtbot)
    assert running.preferences.settings.room == 32_768, "the models were judged by a length that nobody gets"
    assert step(wizard) == "folder", "nothing is gated, so nobody is asked to sign in"
    press_next(wizard, qtbot)

    assert step(wizard) == "download"
    press_next(wizard, qtbot)  # opens once every file is verified
    assert hub.bytes_served(WEIGHTS) == len(FAMILY) * size + len(head[WEIGHTS]), (
        "a byte was fetched twice, or not at all"
    )

    assert step(wizard) == "trial"
    qtbot.waitUntil(lambda: wizard.trial_page.tried, timeout=60_000)
    shown, said = wizard.trial_page.reply.toPlainText(), running.chat.current.conversation.messages[-1].text
    assert _seen(shown) == _seen(said)
    qtbot.waitUntil(lambda: running.chat.engine is Engine.READY, timeout=20_000)  # with all that the method needs
    assert running.chat.models is not None
    assert running.chat.models.name == "SmolLM2 1.7B"
    assert running.chat.models.runs(PRESETS["head"]), "its drafter came along"
    assert running.chat.preset.name == "hsd", "a processor does not begin with one"
    press_next(wizard, qtbot)
    wizard.button(QWizard.WizardButton.FinishButton).click()

    qtbot.waitUntil(lambda: dialogs.wizard is None)
    menu = running.window.topbar.models.menu()
    assert menu is not None
    assert "SmolLM2 1.7B" in [action.text() for action in menu.actions()]
    assert not running.chat.current.conversation.messages, "the trial is left standing in the chat"
    assert not running.archive.chats, "the trial stays in the list of conversations"
    assert settings.value("wizard/seen", False, bool), "it would greet again at the next start"


def _seen(text: str) -> str:
    """Return what leaves ink: a random model also says spaces and controls that Qt gives back as others."""
    return "".join(each for each in text if each.isprintable() and not each.isspace())
