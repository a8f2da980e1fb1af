"""What went wrong, and the buttons for what can be done about it."""

from __future__ import annotations

from typing import get_args

import pytest
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.notices import REMEDIES, Alert, Banner
from app.threads.failure import Failure, Remedy
from engine.errors import CheckpointError, ContextFull, DeviceError, ModelSetError, UpdraftError
from tests.app.scripted import ScriptedSession, speculated
from tests.app.stage import Start


@pytest.mark.parametrize(
    ("error", "down", "offered"),
    [
        (DeviceError("The GPU is out of memory.", "Start a new chat."), False, "retry, new chat, model"),
        (DeviceError("The GPU is out of memory.", "Start a new chat."), True, "retry, new chat, model, folder"),
        (CheckpointError("There is no folder.", "Choose another."), True, "retry, folder"),
        (ModelSetError("It has no draft model.", "Choose Plain."), False, "model"),
        (ContextFull(2000, 1024), False, "trim, shorten, new chat"),
        (UpdraftError("Something.", ""), False, "retry"),
    ],
)
def test_every_failure_has_a_button_that_helps(qtbot: QtBot, error: UpdraftError, down: bool, offered: str) -> None:
    """Guards: an error that can only be read; a button that would do the same again."""
    banner = Banner()
    qtbot.addWidget(banner)
    banner.tell(Failure.of(error, down=down))
    shown = [remedy for remedy, button in banner.buttons.items() if button.isVisible()]
    assert shown == [remedy for remedy in REMEDIES if remedy in offered.split(", ")]
    assert banner.hint.isVisible() == bool(error.hint)
    chosen: list[str] = []
    banner.remedy_chosen.connect(chosen.append)
    for remedy in shown:
        banner.buttons[remedy].click()
    assert chosen == shown


def test_every_remedy_has_a_button_and_does_something(start: Start) -> None:
    """Guards: a button that ends in an error because nobody knows what it is for."""
    assert set(REMEDIES) == set(get_args(Remedy))
    window = start().window
    elsewhere = {"save again", "make folder"}  # of the banner about saving
    dialogs = {"folder", "model", "data folder"}  # which wait for a person, or open another program
    for remedy in set(REMEDIES) - elsewhere - dialogs:
        window.banner.tell(Failure("Sentence.", "Hint.", remedies=(remedy,)))
        window.banner.buttons[remedy].click()


def test_out_of_memory_can_be_gone_on_from(start: Start, qtbot: QtBot, session: ScriptedSession) -> None:
    """Guards: a reply lost, or a chat stuck, after the GPU ran out of memory."""

    def full(_: object) -> object:
        yield from list(speculated())[:6]
        raise DeviceError("The GPU is out of memory.", "Start a new chat, or choose a smaller model.")

    session.play = full  # type: ignore[assignment]
    running = start()
    window = running.window
    running.chat.send("Hello")
    qtbot.waitUntil(window.banner.isVisible)
    assert running.chat.current.conversation.messages[-1].text
    window.banner.buttons["new chat"].click()
    assert running.chat.current.conversation.messages == ()
    assert not window.banner.isVisible()
    session.play = lambda _: speculated()
    with qtbot.waitSignal(running.chat.answered):
        running.chat.send("Again")


def test_buttons_are_never_cut_off(qtbot: QtBot) -> None:
    """Guards: a choice whose words are clipped, in a narrow window or in larger text."""
    banner = Banner()
    qtbot.addWidget(banner)
    banner.tell(Failure("It does not fit.", "Choose.", remedies=("trim", "shorten", "new chat")))
    heights = []

    def fit() -> None:
        for button in (*banner.buttons.values(), banner.dismiss):
            if button.isVisible():
                assert button.width() >= button.sizeHint().width()
                assert banner.rect().contains(button.geometry())

    for width in (900, 460, 300):
        banner.resize(width, banner.heightForWidth(width))
        qtbot.waitUntil(fit)
        heights.append(banner.height())
    assert heights[0] < heights[1] < heights[2]


def test_an_alert_is_a_banner_without_buttons(qtbot: QtBot) -> None:
    """Guards: a trouble of the disk that is shown without a hint, and one that stays when it is over."""
    alert = Alert()
    qtbot.addWidget(alert)
    alert.tell(Failure.of(OSError(28, "No space left on device")))
    assert alert.isVisible()
    assert (alert.sentence.text(), alert.hint.isVisible()) == ("No space left on device.", True)
    assert alert.findChildren(QAbstractButton) == []
    alert.tell(None)
    assert not alert.isVisible()
