"""What is read to somebody who does not look."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.messages.announcer import Announcer, Sentences


def test_sentences_are_said_once_they_are_whole() -> None:
    """Guards: a screen reader that stutters token by token, or waits for the end of the reply."""
    sentences = Sentences()
    assert sentences.take("Once upon") == []
    assert sentences.take(" a time. There was") == ["Once upon a time."]
    assert sentences.take(" a fox!\n\nIt") == ["There was a fox!"]
    assert sentences.finish() == ["It"]
    assert sentences.finish() == []


def test_numbers_are_no_sentence_ends() -> None:
    """Guards: 3.14 read as two sentences."""
    assert Sentences().take("It is 3.14 or so. Yes") == ["It is 3.14 or so."]


def test_markup_and_code_are_not_read() -> None:
    """Guards: asterisks, number signs and whole programs read aloud."""
    sentences = Sentences()
    said = sentences.take("# The **fox**\n\n- `one` thing.\n```python\nx = 1\ny = 2\n```\nDone. ")
    assert said == ["The fox", "one thing.", "Code block.", "Done."]


def test_announcements_are_polite(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: announcements that interrupt, or that are made where nobody listens."""
    heard: list[tuple[str, object]] = []

    def hear(event: QAccessibleAnnouncementEvent) -> None:
        heard.append((event.message(), event.politeness()))

    listening = False
    monkeypatch.setattr(QAccessible, "isActive", lambda: listening)
    monkeypatch.setattr(QAccessible, "updateAccessibility", hear)
    label = QLabel()
    qtbot.addWidget(label)
    announcer = Announcer(label)
    announcer.tell("Nobody hears this. ")
    assert heard == []
    listening = True
    announcer.tell("One. Two. Thr")
    announcer.end("Stopped.")
    assert heard == [
        ("One. Two.", QAccessible.AnnouncementPoliteness.Polite),
        ("Thr Stopped.", QAccessible.AnnouncementPoliteness.Polite),
    ]
