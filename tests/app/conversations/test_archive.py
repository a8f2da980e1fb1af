"""The store's thread: order, trouble with the disk, damage in mid-flight, and the way out."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.conversation import Conversation, Message
from app.conversations.safe import NAME
from app.conversations.store import Store
from app.conversations.store_thread import Job, StoreThread
from app.threads.failure import Failure
from tests.app.conversations.test_store import answered, keep, little_room

Begin = Callable[..., Archive]


@pytest.fixture
def begin(qtbot: QtBot) -> Iterator[Begin]:
    """Start archives; all of them end with the test."""
    begun: list[Archive] = []

    def start(folder: Path | None, *, wait: bool = True, make: bool = True) -> Archive:
        archive = Archive(folder, make=make)
        begun.append(archive)
        archive.load()
        if wait:
            qtbot.waitUntil(lambda: archive.ready)
        return archive

    yield start
    for archive in begun:
        archive.end()


def ask(archive: Archive, text: str) -> Conversation:
    """Write a question the way the page does."""
    talk = Conversation().plus(Message("user", text))
    archive.write(lambda store: store.add_question(talk, talk.messages[0]))
    archive.touch(talk)
    return talk


def test_what_is_written_is_read_by_the_next(begin: Begin, tmp_path: Path) -> None:
    """Guards: jobs done out of order, or left undone when the program ends."""
    first = begin(tmp_path)
    talk = ask(first, "One")
    first.rename(talk.id, "  Named \n by hand ")
    first.pin(talk.id, pinned=True)
    assert first.end()
    second = begin(tmp_path)
    assert [(c.title, c.pinned) for c in second.chats.values()] == [("Named by hand", True)]


def test_a_deleted_conversation_comes_back_whole(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: an undo that brings back a title without its messages."""
    archive = begin(tmp_path)
    talk = ask(archive, "One")
    gone = archive.delete(talk.id)
    assert archive.chats == {}
    archive.restore(gone)
    found: list[object] = []
    archive.ask(lambda store: store.read(talk.id), found.append)
    qtbot.waitUntil(lambda: bool(found))
    assert found == [(talk, "")]


def test_what_a_full_disk_refuses_waits(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: text lost on a full disk, later text written before it, a banner that stays when all is well."""
    archive = begin(tmp_path)
    ask(archive, "Before")
    done: list[str] = []
    archive.after(lambda: done.append("before"))
    qtbot.waitUntil(lambda: done == ["before"])
    with little_room(tmp_path, 2000):
        with qtbot.waitSignal(archive.troubled) as trouble:
            ask(archive, "Long " + "word " * 30_000)
        ask(archive, "Short")
        archive.after(lambda: done.append("asked"))  # an answer is not held up by the disk
        qtbot.waitUntil(lambda: done == ["before", "asked"])
        failure = trouble.args[0]
        assert isinstance(failure, Failure)
        assert "could not be saved" in failure.sentence
        assert "save again" in failure.remedies
        assert archive.unsaved
    with qtbot.waitSignal(archive.mended):
        archive.save_again()
    assert archive.end()
    titles = [chat.title for chat in Store(tmp_path).chats()]
    assert len(titles) == 3


def test_ending_with_something_unsaved_is_told(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: a program that closes as if all had been saved."""
    archive = begin(tmp_path)
    ask(archive, "Before")
    with little_room(tmp_path, 2000):
        with qtbot.waitSignal(archive.troubled):
            ask(archive, "Long " + "word " * 30_000)
        assert not archive.end()


def test_a_damaged_file_is_set_aside_and_said(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: a start that fails for ever, or silently begins anew, because the file is broken."""
    (tmp_path / NAME).write_bytes(b"\0" * 50_000)
    archive = begin(tmp_path, wait=False)
    with qtbot.waitSignal(archive.noted) as note:
        pass
    assert "damaged" in note.args[0].sentence
    qtbot.waitUntil(lambda: archive.ready)
    ask(archive, "New")
    assert archive.end()
    assert next(tmp_path.glob("conversations-damaged-*")).read_bytes() == b"\0" * 50_000
    assert [chat.title for chat in Store(tmp_path).chats()] == ["New"]


@pytest.mark.parametrize(
    "moment", ["app.conversations.store_thread.set_aside", "app.conversations.store_thread.take_up"]
)
def test_a_kill_while_a_damaged_file_is_saved_loses_nothing(tmp_path: Path, moment: str) -> None:
    """Guards: an empty list of chats for good, because the first start after damage was cut short."""
    store = Store(tmp_path)
    for n in range(30):
        keep(store, answered(f"Question {n}"))
    store.close()
    file = tmp_path / NAME
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + b"\xaa" * 4096 + whole[len(whole) // 2 + 4096 :])

    def kill(*_: object) -> None:
        if not file.exists() or "set_aside" in moment:
            raise KeyboardInterrupt

    def chats() -> int:
        thread, counts = StoreThread(tmp_path, make=True), list[int]()
        thread.do(Job(lambda store: counts.append(len(store.chats())), None, writes=True))
        thread.do(Job(lambda store: store.abandon(), None, writes=True))
        return counts[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moment, kill)
        thread = StoreThread(tmp_path, make=True)
        with pytest.raises(KeyboardInterrupt):
            thread._replace()
    assert chats() > 20
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_damage_found_while_reading(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: a page that rots while the program runs taking every later word with it."""
    store = Store(tmp_path)
    for n in range(30):
        keep(store, answered(f"Question {n}"))
    store.close()
    archive = begin(tmp_path)
    file = tmp_path / NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xaa" * (len(whole) - 4096))
    with qtbot.waitSignals([archive.noted, archive.replaced]):
        archive.search("question", lambda _: None)
    assert archive.chats == {}
    ask(archive, "After")
    assert archive.end()
    assert [chat.title for chat in Store(tmp_path).chats()] == ["After"]


def test_a_folder_that_is_gone_is_made_only_when_asked(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: a drive that is not connected replaced by an empty folder; words lost meanwhile."""
    folder = tmp_path / "drive"
    archive = begin(folder, make=False, wait=False)
    with qtbot.waitSignal(archive.troubled) as trouble:
        pass
    assert str(folder) in trouble.args[0].sentence
    assert "make folder" in trouble.args[0].remedies
    ask(archive, "Meanwhile")
    assert not folder.exists()
    with qtbot.waitSignal(archive.mended):
        archive.make_folder()
    qtbot.waitUntil(lambda: archive.ready)
    assert archive.end()
    assert [chat.title for chat in Store(folder).chats()] == ["Meanwhile"]


def test_a_folder_that_comes_back_is_used_again(begin: Begin, tmp_path: Path, qtbot: QtBot) -> None:
    """Guards: what was written while a drive was away lost, or what is on it overwritten."""
    folder = tmp_path / "drive"
    keep(store := Store(folder), answered("Old"))
    store.close()
    away = folder.rename(tmp_path / "away")
    archive = begin(folder, make=False, wait=False)
    with qtbot.waitSignal(archive.troubled):
        pass
    ask(archive, "Meanwhile")
    shutil.move(away, folder)
    with qtbot.waitSignal(archive.mended):
        archive.save_again()
    qtbot.waitUntil(lambda: archive.ready)
    assert {chat.title for chat in archive.chats.values()} == {"Old", "Meanwhile"}


def test_a_fault_does_not_hold_up_what_comes_after(
    begin: Begin, tmp_path: Path, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    """Guards: one job that can never be done keeping all later ones from the disk."""
    archive = begin(tmp_path)

    def broken(_: Store) -> None:
        raise sqlite3.ProgrammingError("no such thing")

    with qtbot.waitSignal(archive.noted):
        archive.write(broken)
    ask(archive, "After")
    assert archive.end()
    assert "no such thing" in caplog.text
    assert [chat.title for chat in Store(tmp_path).chats()] == ["After"]
