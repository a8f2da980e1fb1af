"""The conversation not begun yet: what was written and chosen for it waits until it is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.conversation import Manner
from app.conversations.current import Page
from app.conversations.store import Store
from tests.app.conversations.test_store import answered, keep

Begin = Callable[[], Page]
PIRATE = Manner(system="Talk like a pirate.")


@pytest.fixture
def begin(qtbot: QtBot, tmp_path: Path) -> Iterator[Begin]:
    """Give a function that begins over the conversations on disk, as the program does."""
    archives: list[Archive] = []

    def begun() -> Page:
        for archive in archives:
            archive.end()
        archives.append(archive := Archive(tmp_path))
        page = Page(archive, archive)
        archive.load()
        qtbot.waitUntil(lambda: archive.ready)
        settled(page, qtbot)
        return page

    yield begun
    archives[-1].end()


def settled(page: Page, qtbot: QtBot) -> None:
    """Wait until the archive has done what it was asked for."""
    done: list[bool] = []
    page.archive.after(lambda: done.append(True))
    qtbot.waitUntil(lambda: bool(done))


def test_the_manner_of_a_new_chat_waits_for_it(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: a system prompt lost by looking at another chat, pressing New chat again, or leaving the program."""
    store = Store(tmp_path)
    chat = keep(store, answered("Fox", "A lantern.")).id
    store.close()
    page = begin()
    page.set_manner(PIRATE)
    page.write("Where is")
    page.start_new()
    assert (page.conversation.manner, page.draft) == (PIRATE, "Where is")
    page.open(chat)
    qtbot.waitUntil(lambda: page.conversation.id == chat)
    assert page.conversation.manner == Manner()
    page.start_new()
    assert (page.conversation.manner, page.draft) == (PIRATE, "Where is")
    settled(page, qtbot)
    page = begin()
    assert (page.conversation.manner, page.draft) == (PIRATE, "Where is")


def test_a_chat_that_was_begun_takes_its_manner_with_it(begin: Begin, qtbot: QtBot) -> None:
    """Guards: a system prompt that stays for every chat after the one it was written for."""
    page = begin()
    page.set_manner(PIRATE)
    page.ask("Where is the gold?")
    assert page.conversation.manner == PIRATE
    page.start_new()
    assert page.conversation.manner == Manner()
    settled(page, qtbot)
    assert begin().conversation.manner == Manner()


def test_only_the_chat_it_was_written_for_uses_a_draft_up(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: what was written for a new chat, lost on disk by a question in another or in one begun beside it."""
    store = Store(tmp_path)
    chat = keep(store, answered("Fox", "A lantern.")).id
    store.close()
    page = begin()
    page.write("Where is")
    page.set_manner(PIRATE)
    page.open(chat)
    qtbot.waitUntil(lambda: page.conversation.id == chat)
    page.ask("And then?")
    page.start_new(apart=Manner())
    assert (page.conversation.manner, page.draft) == (Manner(), "")
    page.ask("What can you do?")
    page.archive.write(lambda store: store.put_note("open", ""))  # as where a trial is left by a crash
    settled(page, qtbot)
    page = begin()
    assert (page.conversation.manner, page.draft) == (PIRATE, "Where is")
    page.ask("Where is the gold?")
    settled(page, qtbot)
    page = begin()
    page.start_new()
    assert (page.conversation.manner, page.draft) == (Manner(), "")


def test_another_default_leaves_what_was_chosen(begin: Begin) -> None:
    """Guards: a change in the settings that takes a system prompt away, or does not reach a chat without one."""
    page = begin()
    page.set_default(replace(Manner(), max_tokens=7))
    assert page.conversation.manner.max_tokens == 7
    page.set_manner(PIRATE)
    page.set_default(Manner(max_tokens=9))
    page.start_new()
    assert page.conversation.manner == PIRATE
