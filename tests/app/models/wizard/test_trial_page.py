"""A trial that fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QWizard
from pytestqt.qtbot import QtBot

from app.conversations.conversation import ChatSettings
from app.models.wizard.trial import QUESTION, Trial
from app.models.wizard.wizard import Wizard
from app.models.wizard.wizard_page import ORDER
from app.talk.chat import Chat
from app.talk.standing import Engine
from app.threads.failure import Failure
from engine.config import ModelSet, models_in
from tests.app.models.conftest import POCKET

WORKING = models_in(POCKET)
BROKEN = ModelSet.alone("Broken", Path("broken"))


@pytest.fixture
def opened(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> list[ModelSet]:
    """What the chat was asked to load; it works with one model at first."""
    asked: list[ModelSet] = []
    carry_out = chat.open

    def note(models: ModelSet) -> None:
        asked.append(models)
        carry_out(models)

    carry_out(WORKING)
    chat.engine = Engine.READY
    monkeypatch.setattr(chat, "open", note)
    return asked


def test_a_failed_trial_puts_the_former_model_back(chat: Chat, opened: list[ModelSet], qtbot: QtBot) -> None:
    """Guards against a model that worked and is gone, in favour of one that does not load."""
    trial = Trial(chat)
    trial.start(BROKEN)
    assert opened == [BROKEN]
    with qtbot.waitSignal(trial.put_back) as told:
        chat.failed.emit(Failure("It cannot be loaded.", "", remedies=()))
    assert opened == [BROKEN, WORKING]
    assert told.args == [WORKING.name]


def test_a_trial_shows_the_model_itself(chat: Chat, opened: list[ModelSet], qtbot: QtBot) -> None:
    """Guards: a model judged by somebody's system prompt and length; the loss of these, or of what they write."""
    chat.current.set_default(ChatSettings(system="Answer in one word.", max_tokens=1))
    chat.start_new()
    own = ChatSettings(system="Rhyme.", max_tokens=3)
    chat.current.set_chat_settings(own)
    chat.current.write("Where is")
    trial = Trial(chat)
    shown: list[str] = []
    chat.current.draft_changed.connect(shown.append)
    trial.start(WORKING)
    assert shown == [""]  # the composer is empty beside the trial
    assert chat.current.conversation.messages[0].text == QUESTION
    assert chat.current.conversation.chat_settings == ChatSettings()
    trial.clear()
    assert chat.current.conversation.chat_settings == own
    assert shown[1:] == [chat.current.draft] == ["Where is"]
    assert opened == []


def test_what_did_not_answer_is_not_called_ready(wizard: Wizard, chat: Chat, qtbot: QtBot) -> None:
    """Guards against "loaded and ready to chat" after a trial that failed, and a wizard nobody gets out of."""
    page, button = wizard.trial_page, wizard.button(QWizard.WizardButton.NextButton)
    wizard.plan.name = "nothing"
    wizard.setStartId(ORDER.index("trial"))
    wizard.restart()
    qtbot.waitUntil(page.alert.isVisible)
    assert not button.isEnabled()
    assert page.go.isVisible()
    page.go.click()
    assert ORDER[wizard.currentId()] == "done"
    assert "is loaded and ready" not in wizard.done_page.sentence.text()
    assert "not in use" in wizard.done_page.sentence.text()
