"""The trash: what was deleted is listed, comes back as it was, and is erased only when that is confirmed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.conversation import Message
from app.conversations.safe import NAME
from app.conversations.store import Store
from app.conversations.trash_dialog import TrashDialog
from tests.app.conversations.test_store import answered, keep


def test_messages_deleted_together_come_back_together(tmp_path: Path) -> None:
    """Guards: deleted messages missing from the trash, or half of them brought back."""
    store = Store(tmp_path)
    talk = keep(store, answered("Tell me of foxes", "They are red."))
    store.trash.take_messages([message.id for message in talk.messages])
    (item,) = store.trash.items()
    assert item.messages == tuple(message.id for message in talk.messages)
    assert (item.title, item.excerpt) == ("Tell me of foxes", "Tell me of foxes")
    store.trash.give_messages(item.messages)
    assert store.trash.items() == ()
    assert store.read(talk.id) == (talk, "")


def test_what_comes_back_is_shown_when_its_conversation_is_opened(tmp_path: Path) -> None:
    """Guards: an answer that is in neither the trash nor the conversation, as that still ends at its question."""
    store = Store(tmp_path)
    talk = keep(store, answered("Why?"))
    question, answer = talk.messages
    store.trash.take_messages([answer.id])
    store.put(talk.without(answer.id))
    (item,) = store.trash.items()
    store.trash.give_messages(item.messages)
    found = store.read(talk.id)
    assert found is not None
    assert [message.id for message in found[0].messages] == [question.id, answer.id]


def test_an_answer_does_not_come_back_without_its_question(tmp_path: Path) -> None:
    """Guards: a conversation that cannot be opened, as a message hangs from one that is gone."""
    store = Store(tmp_path)
    talk = keep(store, answered("Why?"))
    question, answer = talk.messages
    store.trash.take_messages([answer.id])
    store.trash.take_messages([question.id])
    first = next(item for item in store.trash.items() if item.messages == (answer.id,))
    store.trash.give_messages(first.messages)
    found, _ = store.read(talk.id) or (None, "")
    assert found is not None
    assert [message.id for message in found.messages] == [question.id, answer.id]


def test_what_is_erased_leaves_nothing_and_takes_nothing_else(tmp_path: Path) -> None:
    """Guards: deleted words still found in the index, a neighbour erased, or what was brought back meanwhile."""
    store = Store(tmp_path)
    gone, kept, back = (keep(store, answered(word)) for word in ("Gone", "Kept", "Back"))
    store.trash.take_chat(gone.id)
    store.trash.take_chat(back.id)
    listed = store.trash.items()
    store.trash.give_chat(back.id)
    store.trash.erase(listed)
    assert {chat.id for chat in store.chats()} == {kept.id, back.id}
    store.trash.give_chat(gone.id)
    assert len(store.chats()) == 2
    store.close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert db.execute("SELECT COUNT(*) FROM words").fetchone() == (4,)
        assert db.execute("SELECT COUNT(*) FROM titles").fetchone() == (2,)
        assert db.execute("SELECT COUNT(*) FROM rounds WHERE message = ?", (gone.messages[1].id,)).fetchone() == (0,)


@pytest.fixture
def archive(qtbot: QtBot, tmp_path: Path) -> Iterator[Archive]:
    """Give an archive with one conversation left and one in the trash, beside a message."""
    store = Store(tmp_path)
    kept, gone = keep(store, answered("Kept")), keep(store, answered("Gone"))
    store.trash.take_chat(gone.id)
    store.trash.take_messages([kept.messages[1].id])
    store.close()
    archive = Archive(tmp_path)
    archive.load()
    qtbot.waitUntil(lambda: archive.ready)
    yield archive
    archive.end()


@pytest.fixture
def dialog(qtbot: QtBot, archive: Archive) -> TrashDialog:
    dialog = TrashDialog(archive)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.list.topLevelItemCount() == 2)
    dialog.activateWindow()
    return dialog


def answer_box(name: str) -> list[str]:
    """Press the button ``name`` of the next box that asks; returns the list its question will be in."""
    asked: list[str] = []

    def press() -> None:
        for box in QApplication.topLevelWidgets():
            if isinstance(box, QMessageBox) and box.isVisible():
                asked.append(box.text())
                next(button for button in box.buttons() if button.text() == name).click()

    QTimer.singleShot(50, press)
    return asked


def test_restoring_by_keyboard(dialog: TrashDialog, archive: Archive, qtbot: QtBot) -> None:
    """Guards: a conversation that can be brought back with a mouse only, or not into the list."""
    assert dialog.list.selectedItems()[0].text(0).startswith("Message of “Kept”")
    dialog.list.setFocus()
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(dialog.restored):
        QTest.keyClick(dialog.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.list.topLevelItemCount() == 1)
    assert {chat.title for chat in archive.chats.values()} == {"Kept", "Gone"}
    assert dialog.isVisible()


def test_erasing_asks_first(dialog: TrashDialog, qtbot: QtBot) -> None:
    """Guards: a key that erases for good without a word, or a "Keep" that erases."""
    dialog.list.setFocus()
    QTest.keyClick(dialog.list, Qt.Key.Key_Down)
    asked = answer_box("Keep")
    QTest.keyClick(dialog.list, Qt.Key.Key_Delete)
    assert asked == ["Delete “Gone” for good?"]
    qtbot.wait(50)
    assert dialog.list.topLevelItemCount() == 2
    asked = answer_box("Delete for good")
    dialog.all.click()
    assert asked == ["Empty the trash? It holds 2 items."]
    qtbot.waitUntil(lambda: dialog.list.topLevelItemCount() == 0)
    assert not dialog.all.isEnabled()
    assert dialog.words.text() == "The trash is empty."


def test_closing_does_not_wait_for_the_store(archive: Archive, qtbot: QtBot) -> None:
    """Guards: a fault because what was asked for arrives after the window that asked is gone."""
    dialog = TrashDialog(archive)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.show()
    with qtbot.waitSignal(dialog.destroyed):
        dialog.load()
        dialog.close()
    done: list[bool] = []
    archive.after(lambda: done.append(True))
    qtbot.waitUntil(lambda: done == [True])


def test_an_answer_dropped_without_a_word_is_no_trash(tmp_path: Path) -> None:
    """Guards: a trash full of empty answers that were stopped before they began."""
    store = Store(tmp_path)
    talk = keep(store, answered("Kept"))
    empty = talk.plus(Message("assistant", "")).messages[-1]
    store.put_whole(talk.plus(empty))
    store.trash.take_messages([empty.id])
    assert store.trash.items() == ()


def test_one_wrong_clock_erases_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: what was deleted yesterday erased for good at a start on a day the clock was forty days ahead."""
    today, day = 1_790_000_000.0, 86_400.0
    store = Store(tmp_path)
    gone, late = keep(store, answered("Gone")), keep(store, answered("Late"))

    def start(when: float, chat: int = 0) -> list[int]:
        monkeypatch.setattr("app.conversations.trash.time.time", lambda: today + when * day)
        for _ in range(2):  # a second time on one day says nothing new
            store.trash.tidy()
        if chat:
            store.trash.take_chat(chat)
        return sorted(item.chat for item in store.trash.items())

    for when in (-3, -2, -1):
        start(when, gone.id if when == -1 else 0)
    assert start(40) == [gone.id]  # ahead for one start
    assert start(1) == [gone.id]
    both = sorted([gone.id, late.id])
    assert start(-20_000, late.id) == both  # a clock without a battery
    for when in (2, 3, 4, 5, 28):
        assert start(when) == both, when
    assert start(30) == both
    assert start(31) == both  # 28 does not agree yet
    assert start(32) == [late.id]
    assert start(33) == [late.id]  # deleted on day 1, as far as anybody can tell
    assert start(34) == []


def test_an_odd_note_of_days_is_no_obstacle(tmp_path: Path) -> None:
    """Guards: a trash that can never be emptied, or not be used, because of one value."""
    store = Store(tmp_path)
    talk = keep(store, answered("Gone"))
    for odd in ("5", "[null]", "{", "[[1]]", "[1e999, -5]"):
        store.put_note("days", odd)
        store.trash.tidy()
        store.trash.take_chat(talk.id)
        assert [item.chat for item in store.trash.items()] == [talk.id]
