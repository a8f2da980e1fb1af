"""The end of the program: what is being written is waited for, said if that takes long, and nobody is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PySide6.QtCore import QDeadlineTimer, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.conversations.archive import Archive
from app.conversations.conversation import Conversation, Message
from app.conversations.farewell import Farewell
from app.conversations.store import Store
from tests.app.conversations.test_store import answered, little_room
from tests.app.stage import Start


@pytest.fixture
def kept(start: Start, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Application:
    """Start the window over a folder; what takes long is said soon."""
    monkeypatch.setattr("app.conversations.farewell.SAVING", 20)
    running = start(archive=Archive(tmp_path / "data"))
    qtbot.waitUntil(lambda: running.archive.ready)
    return running


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """Give what a busy thread waits for; set at the end, so that none is left waiting."""
    free = threading.Event()
    yield free
    free.set()


def say(running: Application, words: str) -> None:
    """Write a question the way the page does."""
    talk = Conversation().plus(Message("user", words))
    running.archive.write(lambda store: store.add_question(talk, talk.messages[0]))


def seen() -> Farewell | None:
    """Return what is shown of the end."""
    found = (box for box in QApplication.topLevelWidgets() if isinstance(box, Farewell) and box.isVisible())
    return next(found, None)


def when_seen(act: Callable[[Farewell], None]) -> None:
    """Call ``act`` once the wait is shown."""

    def look() -> None:
        box = seen()
        if box is None:
            QTimer.singleShot(5, look)
        else:
            act(box)

    QTimer.singleShot(0, look)


def test_what_is_done_at_once_is_not_talked_about(kept: Application, tmp_path: Path) -> None:
    """Guards: a box that flashes up at every end; last words lost."""
    say(kept, "Last words")
    said: list[object] = []
    QTimer.singleShot(0, lambda: said.append(seen()))
    kept.window.close()
    assert kept.end()
    assert said in ([], [None])
    assert Store(tmp_path / "data").search("last words")


def test_a_busy_store_is_waited_for_and_named(kept: Application, tmp_path: Path, hold: threading.Event) -> None:
    """Guards: an abort with the store's thread still at work, and what waits behind it lost."""
    kept.archive.ask(lambda _: hold.wait(20), lambda _: None)
    say(kept, "Important words")
    said: list[str] = []

    def watch(box: Farewell) -> None:
        QTest.keyClick(box, Qt.Key.Key_Escape)  # decides nothing
        box.close()
        said.extend((box.sentence.text(), str(box.isVisible()), box.away.text()))
        hold.set()

    when_seen(watch)
    assert kept.end()
    assert said == ["Still saving your chats…", "True", "Close without saving"]
    assert seen() is None
    assert Store(tmp_path / "data").search("important")


def test_the_person_need_not_wait(kept: Application, hold: threading.Event) -> None:
    """Guards: a program that cannot be closed because a drive hangs; an abort with a thread at work."""
    kept.archive.ask(lambda _: hold.wait(20), lambda _: None)
    say(kept, "Never written")
    when_seen(lambda box: box.away.click())
    assert not kept.end()  # a thread still runs: the program leaves by os._exit
    hold.set()


def test_an_export_is_finished_first(
    kept: Application, qtbot: QtBot, tmp_path: Path, hold: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: half an export, or none, without a word; chats lost with an export that hangs."""
    from app.conversations.export_file import export

    talk = answered("Export me")
    kept.archive.write(lambda store: store.put_whole(talk))

    def slow(*what: object) -> None:
        hold.wait(20)
        export(*what)  # type: ignore[arg-type]

    monkeypatch.setattr("app.conversations.running_exports.export", slow)
    kept.window.conversations.export(talk.id, tmp_path / "talk.md")
    say(kept, "Important words")
    said: list[str] = []

    def watch(box: Farewell) -> None:
        said.append(box.sentence.text())
        hold.set()

    when_seen(watch)
    assert kept.end()
    assert said == ["Still writing “talk.md”…"]
    assert (tmp_path / "talk.md").read_text("utf-8").startswith("# Export me")
    assert Store(tmp_path / "data").search("important")


def test_an_export_that_fails_meanwhile_is_said(kept: Application, tmp_path: Path) -> None:
    """Guards: a file that is not there, without a word, because the window was closed already."""
    talk = answered("Export me")
    kept.archive.write(lambda store: store.put_whole(talk))
    kept.window.conversations.export(talk.id, tmp_path / "missing" / "talk.md")
    said: list[str] = []

    def read(box: Farewell) -> None:
        if "could not" not in box.sentence.text():
            QTimer.singleShot(5, lambda: read(box))
            return
        said.extend((box.sentence.text(), box.away.text()))
        box.away.click()

    when_seen(read)
    assert kept.end()
    assert said == ["talk.md could not be written: No such file or directory.", "Close"]


def test_what_the_disk_refuses_at_the_very_end_is_said(kept: Application, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: a window that closed before the disk had answered, and words lost without a question."""
    say(kept, "Before")
    assert kept.archive.settle(5000)
    said: list[str] = []

    with ExitStack() as room:
        room.enter_context(little_room(tmp_path / "data", 2000))
        say(kept, "Long " + "word " * 30_000)
        assert not kept.archive.settle(5000)

        def watch(box: Farewell) -> None:
            if not box.again.isVisible():
                QTimer.singleShot(5, lambda: watch(box))
                return
            said.extend((box.sentence.text(), box.hint.text()))
            room.close()
            box.again.click()

        when_seen(watch)
        assert kept.end()
    assert said[0] == "Some of what you wrote is not saved yet."
    assert "the disk" in said[1]
    assert Store(tmp_path / "data").search("long")


def test_nothing_is_asked_where_the_system_ends_the_program(
    kept: Application, tmp_path: Path, hold: threading.Event
) -> None:
    """Guards: a shutdown held up by a box nobody sees, or words lost to it."""
    kept.window.composer.field.setPlainText("half a sent")
    say(kept, "Important words")
    kept.archive.ask(lambda _: hold.wait(20), lambda _: None)
    threading.Timer(0.2, hold.set).start()
    said: list[object] = []
    timer = QTimer(interval=5)
    timer.timeout.connect(lambda: said.append(seen()) if seen() else None)
    timer.start()
    QTimer.singleShot(0, kept.hurry)
    QApplication.exec()
    assert kept.end()
    assert said == []
    store = Store(tmp_path / "data")
    assert store.search("important")
    assert store.note("draft") == "half a sent"


def test_a_session_that_ends_has_everything_saved(kept: Application, tmp_path: Path) -> None:
    """Guards: the half second before a save, and a draft, lost at every log-off; a session held up by a question."""
    kept.window.composer.field.setPlainText("half a sent")
    kept.commit()
    store = Store(tmp_path / "data")
    assert store.note("draft") == "half a sent"
    store.abandon()
    assert kept.window.closing.allowed()
    assert not kept.window.closing.silent.hasExpired()
    kept.window.closing.silent = QDeadlineTimer(0)
