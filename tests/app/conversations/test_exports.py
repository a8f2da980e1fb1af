"""Exports beside everything else: saves are not held up, what cannot be read is said, a kill leaves nothing behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.conversation import Conversation, Message, Reply
from app.conversations.export_file import export
from app.conversations.leftovers import NAME, Leftovers
from app.conversations.running_exports import Exports
from app.conversations.safe import StoreError
from app.conversations.store import Store
from app.threads.failure import Failure
from engine.events import Finished, LevelInfo, Started
from tests.app.conversations.test_store import answered


@pytest.fixture
def archive(tmp_path: Path, qtbot: QtBot) -> Iterator[Archive]:
    archive = Archive(tmp_path / "data")
    archive.load()
    qtbot.waitUntil(lambda: archive.ready)
    yield archive
    archive.end()


def long_talk() -> Conversation:
    """Return a conversation with more logs than are read at once."""
    talk = answered("Question 0")
    for n in range(1, 12):
        for message in answered(f"Question {n}").messages:
            talk = talk.plus(message)
    return talk


def test_an_export_holds_up_nothing_that_is_saved(
    archive: Archive, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: what was asked and answered waiting in memory, for a crash to take, while a long chat is exported."""
    talk, done = long_talk(), list[object]()
    archive.write(lambda store: store.put_whole(talk), done.append)
    qtbot.waitUntil(lambda: len(done) == 1)
    exports, began, free = Exports(archive), threading.Event(), threading.Event()

    def slow(*what: object) -> None:
        began.set()
        assert free.wait(20)
        export(*what)  # type: ignore[arg-type]

    monkeypatch.setattr("app.conversations.running_exports.export", slow)
    exports.begin(talk.id, tmp_path / "out.json")
    archive.write(lambda store: store.rename(talk.id, "Between two logs"), done.append)
    qtbot.waitUntil(lambda: len(done) == 2)
    qtbot.waitUntil(began.is_set)
    archive.write(lambda store: store.rename(talk.id, "While it is written"), done.append)
    qtbot.waitUntil(lambda: len(done) == 3)
    assert exports.names == ("out.json",)
    with qtbot.waitSignals([exports.ended, exports.idle]):
        free.set()
    value = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert value["title"] == "Question 0"
    answers = [message for message in value["messages"] if message["role"] == "assistant"]
    assert len(answers) == 12
    assert all(len(message["events"]) > 3 for message in answers)


def test_logs_on_disk_join_what_is_newer_in_memory(archive: Archive, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: an export during an answer, or while the disk is full, without how the earlier answers came to be."""
    talk, found = long_talk(), list[Any]()
    archive.write(lambda store: store.put_whole(talk))
    archive.ask(lambda store: store.read(talk.id), found.append)
    qtbot.waitUntil(lambda: bool(found))
    shown = found[0][0].plus(Message("user", "Not saved yet"))
    exports = Exports(archive)
    with qtbot.waitSignal(exports.ended) as ended:
        exports.begin(talk.id, tmp_path / "out.json", shown)
    assert ended.args == [None]
    messages = json.loads((tmp_path / "out.json").read_text("utf-8"))["messages"]
    assert messages[-1]["text"] == "Not saved yet"
    assert all(len(message["events"]) > 3 for message in messages if message["role"] == "assistant")


def test_an_export_that_cannot_be_read_ends(archive: Archive, qtbot: QtBot, tmp_path: Path) -> None:
    """Guards: an export nobody hears of again, for which the program's end would wait for ever."""
    exports, said = Exports(archive), list[object]()
    exports.ended.connect(said.append)
    exports.begin(4711, tmp_path / "gone.md")
    qtbot.waitUntil(lambda: len(said) == 1)

    def refuse(*_: object) -> None:
        raise StoreError("No.", "")

    talk = long_talk()
    archive.write(lambda store: store.put_whole(talk))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "recall", refuse)
        exports.begin(talk.id, tmp_path / "unread.json")
        qtbot.waitUntil(lambda: len(said) == 2)
    assert [isinstance(failure, Failure) and failure.sentence for failure in said] == [
        "gone.md was not written: the chat is not there any more.",
        "unread.json was not written: the chat could not be read.",
    ]
    assert exports.names == ()


def test_what_a_killed_export_left_goes_at_the_next_start(tmp_path: Path) -> None:
    """Guards: hidden halves of files that pile up beside what was exported; files of others removed for ours."""
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    out.mkdir()
    with Leftovers(data).growing(out / "chat.md") as part:  # as a kill leaves it
        part.write_text("half", "utf-8")
        listed = (data / NAME).read_text("utf-8")
    assert not (data / NAME).exists()
    part.write_text("half", "utf-8")
    ours = json.loads(listed)[0]
    precious = out / "precious.txt"
    precious.write_text("precious", "utf-8")
    link, folder = (out / f".updraft-{digit * 16}.part" for digit in "ab")
    link.symlink_to(precious)
    folder.mkdir()
    away = str(tmp_path / "drive" / part.name)
    others = [str(precious), str(link), str(folder), "../x", 5, f"{part.name}\0", away]
    (data / NAME).write_text(json.dumps([ours, *others]), "utf-8")
    Leftovers(data).sweep()
    assert sorted(path.name for path in out.iterdir()) == sorted([precious.name, link.name, folder.name])
    assert json.loads((data / NAME).read_text("utf-8")) == [away]  # its drive may be connected the next time


@pytest.mark.parametrize("odd", ["{", "[[", "5", '{"a": 1}', "[" * 100_000, "\ud800"])
def test_an_odd_list_of_leftovers_is_no_obstacle(tmp_path: Path, odd: str) -> None:
    """Guards: exports, or a start, that fail because of one odd file."""
    (tmp_path / NAME).write_bytes(odd.encode(errors="surrogatepass"))
    Leftovers(tmp_path).sweep()
    export(answered("Hi"), tmp_path / "out.md", Leftovers(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.md"]


def test_no_list_no_harm(tmp_path: Path) -> None:
    """Guards: no export where the data folder cannot be written, or the list is something else."""
    (tmp_path / NAME).mkdir()
    for folder in (tmp_path, tmp_path / "missing", None):
        export(answered("Hi"), tmp_path / f"out {folder is None}.md", Leftovers(folder))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("ending", ["md", "html"])
def test_a_lossy_answer_is_called_so_on_paper(tmp_path: Path, ending: str) -> None:
    """Guards: an answer passed on as the model's own that is not quite; the count needs no log of the rounds."""
    path, levels = tmp_path / f"talk.{ending}", (LevelInfo("Target", "", "model"),) * 2
    for lossless, foreign, said in ((False, 3, "with a lossy method, 3 of 40 tokens not its own"), (True, 0, "")):
        started = Started("pyramid", levels, lossless, 9, 0, 1024, "CPU")
        end = Finished("Hello.", 40, 0.1, 20.0, "end", 0.0, None, foreign=foreign)
        answer = Message("assistant", "Hello.", Reply(started, (), None, end, "finished"), model="Big")
        talk = Conversation().plus(Message("user", "Hi?")).plus(answer)
        export(talk, path, Leftovers(tmp_path / "left"))
        text = path.read_text("utf-8")
        assert ("lossy" in text) == bool(said)
        assert said in text
