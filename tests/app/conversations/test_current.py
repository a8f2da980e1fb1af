"""The conversation not begun yet: what was written and chosen for it waits until it is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.conversation import ChatSettings
from app.conversations.current import CurrentChat
from app.conversations.store import Store
from tests.app.conversations.test_store import answered, keep

Begin = Callable[[], CurrentChat]
PIRATE = ChatSettings(system="Talk like a pirate.")


@pytest.fixture
def begin(qtbot: QtBot, tmp_path: Path) -> Iterator[Begin]:
    """Give a function that begins over the conversations on disk, as the program does."""
    archives: list[Archive] = []

    def begun() -> CurrentChat:
        for archive in archives:
            archive.end()
        archives.append(archive := Archive(tmp_path))
        current = CurrentChat(archive, archive)
        archive.load()
        qtbot.waitUntil(lambda: archive.ready)
        settled(current, qtbot)
        return current

    yield begun
    archives[-1].end()


def settled(current: CurrentChat, qtbot: QtBot) -> None:
    """Wait until the archive has done what it was asked for."""
    done: list[bool] = []
    current._archive.after(lambda: done.append(True))
    qtbot.waitUntil(lambda: bool(done))


def test_the_settings_of_a_new_chat_wait_for_it(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: a system prompt lost by looking at another chat, pressing New chat again, or leaving the program."""
    store = Store(tmp_path)
    chat = keep(store, answered("Fox", "A lantern.")).id
    store.close()
    current = begin()
    current.set_chat_settings(PIRATE)
    current.write("Where is")
    current.start_new()
    assert (current.conversation.chat_settings, current.draft) == (PIRATE, "Where is")
    current.open(chat)
    qtbot.waitUntil(lambda: current.conversation.id == chat)
    assert current.conversation.chat_settings == ChatSettings()
    current.start_new()
    assert (current.conversation.chat_settings, current.draft) == (PIRATE, "Where is")
    settled(current, qtbot)
    current = begin()
    assert (current.conversation.chat_settings, current.draft) == (PIRATE, "Where is")


def test_a_chat_that_was_begun_takes_its_settings_with_it(begin: Begin, qtbot: QtBot) -> None:
    """Guards: a system prompt that stays for every chat after the one it was written for."""
    current = begin()
    current.set_chat_settings(PIRATE)
    current.ask("Where is the gold?")
    assert current.conversation.chat_settings == PIRATE
    current.start_new()
    assert current.conversation.chat_settings == ChatSettings()
    settled(current, qtbot)
    assert begin().conversation.chat_settings == ChatSettings()


def test_only_the_chat_it_was_written_for_uses_a_draft_up(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: what was written for a new chat, lost on disk by a question in another or in one begun beside it."""
    store = Store(tmp_path)
    chat = keep(store, answered("Fox", "A lantern.")).id
    store.close()
    current = begin()
    current.write("Where is")
    current.set_chat_settings(PIRATE)
    current.open(chat)
    qtbot.waitUntil(lambda: current.conversation.id == chat)
    current.ask("And then?")
    current.start_new(apart=ChatSettings())
    assert (current.conversation.chat_settings, current.draft) == (ChatSettings(), "")
    current.ask("What can you do?")
    current._archive.write(lambda store: store.put_note("open", ""))  # as where a trial is left by a crash
    settled(current, qtbot)
    current = begin()
    assert (current.conversation.chat_settings, current.draft) == (PIRATE, "Where is")
    current.ask("Where is the gold?")
    settled(current, qtbot)
    current = begin()
    current.start_new()
    assert (current.conversation.chat_settings, current.draft) == (ChatSettings(), "")


def test_another_default_leaves_what_was_chosen(begin: Begin) -> None:
    """Guards: a change in the settings that takes a system prompt away, or does not reach a chat without one."""
    current = begin()
    current.set_default(replace(ChatSettings(), max_tokens=7))
    assert current.conversation.chat_settings.max_tokens == 7
    current.set_chat_settings(PIRATE)
    current.set_default(ChatSettings(max_tokens=9))
    current.start_new()
    assert current.conversation.chat_settings == PIRATE
