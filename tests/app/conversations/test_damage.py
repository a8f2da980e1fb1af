"""Files of conversations that something else than Updraft has written to: told in a sentence, read as far as can be."""

# ruff: noqa: S608 - the statements are ours, and are to do damage
from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.conversations.archive import Archive
from app.conversations.conversation import Conversation, Message
from app.conversations.mending import mended
from app.conversations.rows import unpacked
from app.conversations.safe import NAME, DamagedError, StoreError, set_aside
from app.conversations.store import Store
from tests.app.conversations.test_store import answered, keep, read_whole
from tests.app.scripted import STORY

PAGE = 4096


def filled(folder: Path, chats: int = 6) -> list[Conversation]:
    """Fill a store with ``chats`` and close it, all in one file."""
    store = Store(folder)
    talks = [keep(store, answered(f"Question {n}", f"{n}. {STORY}")) for n in range(chats)]
    store.put_draft(talks[0].id, "half a sent")
    store.close()
    with closing(sqlite3.connect(folder / NAME)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return talks


def change(folder: Path, *statements: str) -> None:
    """Run ``statements`` behind the store's back."""
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            db.execute(statement)


def flip(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)


def scribble(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) - 8)
    data[at : at + 8] = rng.randbytes(8)


def blank(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) // PAGE) * PAGE
    data[at : at + PAGE] = bytes(PAGE)


def cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


@pytest.mark.parametrize(("damage", "least"), [(flip, 145), (scribble, 140), (blank, 100), (cut, 25)])
def test_random_damage(tmp_path: Path, damage: Callable[[bytearray, random.Random], None], least: int) -> None:
    """Guards: any exception but the store's own, and conversations lost that the damage did not touch."""
    talks = filled(tmp_path / "whole")
    whole = (tmp_path / "whole" / NAME).read_bytes()
    rng, there = random.Random(23), 0
    for trial in range(25):
        folder = tmp_path / str(trial)
        folder.mkdir()
        data = bytearray(whole)
        damage(data, rng)
        (folder / NAME).write_bytes(data)
        store: Store | None = None
        try:
            store = Store(folder)
            for talk in talks:
                read_whole(store, talk.id)
            list(store.chats()), store.search("lantern"), store.trash.items(), store.note("draft")
            store.named_settings()
        except DamagedError:
            if store is not None:
                store.abandon()
            kept = set_aside(folder)
            broken = kept.read_bytes()
            store = Store(folder)
            store.take_in(kept)
            assert kept.read_bytes() == broken
        texts = [talk.messages[1].text for talk in talks]
        read = [read_whole(store, talk.id) for talk in talks]
        same = [talk is not None and texts[at] in [m.text for m in talk.tree] for at, talk in enumerate(read)]
        there += sum(same)
        assert all(talk is None or talk.messages for talk in read)
        store.close()
        shutil.rmtree(folder)
    assert there >= least  # of 150


def test_one_byte_that_is_no_text(tmp_path: Path) -> None:
    """Guards: all conversations hidden because of one letter of one title."""
    talks = filled(tmp_path)
    bad = "CAST(X'61FF62' AS TEXT)"
    change(tmp_path, f"UPDATE chats SET title = {bad}, draft = {bad} WHERE id = {talks[0].id}",
           f"UPDATE messages SET text = {bad} WHERE id = {talks[1].messages[0].id}")  # fmt: skip
    store = Store(tmp_path)
    assert len(store.chats()) == len(talks)
    assert "a�b" in [chat.title for chat in store.chats()]
    assert (store.read(talks[1].id) or (Conversation(), ""))[0].messages[0].text == "a�b"


def test_parents_that_are_lost_or_lead_in_circles() -> None:
    """Guards: a window that stands still at every start, a conversation that cannot be shown."""
    rng = random.Random(5)
    for _ in range(300):
        ids = list(range(rng.randrange(1, 9)))
        parents = [rng.choice([*ids, None, 77]) for _ in ids]
        tree = mended([Message("user", str(n), id=n, parent=parent) for n, parent in zip(ids, parents, strict=True)])
        for message in tree:
            talk = Conversation(tuple(tree), message.id)
            assert talk.messages[-1] == message
            assert message.id in {shown.id for shown in talk.showing(message.id).messages}
            talk.without(message.id)
    lost = mended([Message("user", str(n), id=n, parent=parent) for n, parent in [(1, None), (2, 1), (4, 3), (5, 4)]])
    assert [m.id for m in Conversation(tuple(lost), 5).messages] == [1, 2, 4, 5]
    fine = [Message("user", "", id=n, parent=n - 1 if n else None) for n in range(3000)]
    assert mended(fine) == fine


@pytest.mark.parametrize("parent", ["id", "12345", "'x'", "(SELECT max(id) FROM messages)"])
def test_a_conversation_with_a_wrong_parent_is_shown(tmp_path: Path, parent: str) -> None:
    """Guards: the same, as it comes from a file."""
    talks = filled(tmp_path)
    change(tmp_path, f"UPDATE messages SET parent = {parent}")
    store = Store(tmp_path)
    for talk in talks:
        found, _ = store.read(talk.id) or (Conversation(), "")
        assert {m.text for m in found.tree} == {m.text for m in talk.tree}
        assert found.messages


ODD = ["5", "-1e15", "9e999", "''", "'[1,null]'", "x'00ff'", '\'{"event":"started"}\'', f"'{'[' * 100_000}'"]


@pytest.mark.parametrize("column", ["started", "finished", "outcome", "pace", "created", "told_from", "role", "model"])
def test_columns_that_hold_something_else(tmp_path: Path, column: str) -> None:
    """Guards: one value of the wrong kind that hides a conversation or ends the program when it is shown."""
    talks = filled(tmp_path, 1)
    for odd in ODD:
        if odd == "5" or column not in ("created", "role"):  # these two are NOT NULL, not of a kind
            change(tmp_path, f"UPDATE messages SET {column} = {odd}")
        store = Store(tmp_path)
        found = read_whole(store, talks[0].id)
        assert found is not None
        assert {m.text for m in found.tree} == {m.text for m in talks[0].tree}
        assert all(0 <= m.created < 4e10 for m in found.tree)
        store.close()


def test_lists_with_odd_values(tmp_path: Path) -> None:
    """Guards: the whole list gone because of one date; chat settings that are none."""
    talks = filled(tmp_path)
    for at, odd in enumerate(["9e999", "1e300", "-1e15", "'text'", "x'ff'"]):
        change(tmp_path, f"UPDATE chats SET used = {odd}, title = {odd}, manner = {odd} WHERE id = {talks[at].id}")
    change(tmp_path, f"""UPDATE chats SET manner = '{{"system": 5}}' WHERE id = {talks[5].id}""")
    store = Store(tmp_path)
    assert len(store.chats()) == 6
    assert all(0 <= chat.used < 4e10 for chat in store.chats())
    assert {(store.read(talk.id) or (talk, ""))[0].chat_settings for talk in talks} == {talks[0].chat_settings}


def test_a_log_that_would_fill_the_memory() -> None:
    """Guards: a few kilobytes on disk that take gigabytes to look at; logs of something else."""
    bomb = zlib.compress(bytes(257_000_000), 9)
    assert len(bomb) < 400_000
    assert unpacked([bomb]) == ()
    for odd in (b"[1,null]", b"5", b'[{"event":"round","tokens":[5]}]', b'[{"event":"finished"}]', b"[" * 200_000):
        assert unpacked([zlib.compress(odd)]) == ()


LIES = {
    "no notes": ["DROP TABLE notes"], "no words": ["DROP TABLE words"], "a column": ["ALTER TABLE chats DROP draft"],
    **{f"version {n}": [f"PRAGMA user_version = {n}"] for n in (-5, 0, 1, 2, 3)},
}  # fmt: skip


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path)
    yield archive
    archive.end()


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_is_not_what_it_says(tmp_path: Path, archive: Archive, qtbot: QtBot, lie: str) -> None:
    """Guards: what was written dropped without a word, because the file could not be opened for another reason."""
    talks = filled(tmp_path)
    change(tmp_path, *LIES[lie])
    with qtbot.waitSignal(archive.listed):
        archive.load()
    new = Conversation().plus(Message("user", "IMPORTANT words"))
    archive.write(lambda store: store.add_question(new, new.messages[0]))
    assert archive.end()
    store = Store(tmp_path)
    assert store.search("important")
    assert [read_whole(store, talk.id) for talk in talks] == talks


def test_a_store_that_cannot_be_opened_keeps_what_waits(
    tmp_path: Path, archive: Archive, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: jobs thrown away, and a program that closes as if all were saved, after a fault nobody thought of."""

    def fault(*_: object, **__: object) -> None:
        raise RuntimeError("unheard of")

    monkeypatch.setattr("app.conversations.store_thread.Store.__init__", fault)
    with qtbot.waitSignal(archive.troubled):
        archive.load()
    assert not archive.unsaved  # nobody has written anything yet
    new = Conversation().plus(Message("user", "IMPORTANT words"))
    with qtbot.waitSignal(archive.troubled):
        archive.write(lambda store: store.add_question(new, new.messages[0]))
    qtbot.waitUntil(lambda: archive.unsaved)
    monkeypatch.undo()
    with qtbot.waitSignal(archive.mended):
        archive.save_again()
    assert archive.end()
    assert Store(tmp_path).search("important")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("closed", [True, False])
def test_a_folder_that_may_only_be_read(tmp_path: Path, qtbot: QtBot, closed: bool) -> None:
    """Guards: an empty list where there are conversations, only because nothing can be added to them."""
    folder = tmp_path / "data"
    talks = filled(folder, 2)
    if not closed:  # as after a power cut: the last words are still beside the file
        store = Store(folder)
        talks.append(keep(store, answered("The last one")))
        for name in (NAME, f"{NAME}-wal"):
            shutil.copy(folder / name, tmp_path)
        store.close()
        for name in (NAME, f"{NAME}-wal"):
            shutil.move(tmp_path / name, folder / name)
    done = subprocess.run(["mount", "--bind", "-o", "ro", str(folder), str(folder)], check=False)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    archive = Archive(folder)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("bound, but not read-only")
        with qtbot.waitSignal(archive.listed), qtbot.waitSignal(archive.troubled) as trouble:
            archive.load()
        assert "can only be read" in trouble.args[0].sentence
        assert set(archive.chats) == {talk.id for talk in talks}
        assert not archive.unsaved
    finally:
        archive.end()
        subprocess.run(["umount", str(folder)], check=True)


def test_a_newer_file_asks_nothing_at_the_end(tmp_path: Path, archive: Archive, qtbot: QtBot) -> None:
    """Guards: "could not be saved" where nothing was written, or a newer file changed."""
    filled(tmp_path)
    change(tmp_path, "PRAGMA user_version = 99")
    before = (tmp_path / NAME).read_bytes()
    with qtbot.waitSignal(archive.troubled):
        archive.load()
    archive.write(lambda store: store.put_note("open", ""), upkeep=True)
    assert not archive.unsaved
    assert archive.end()
    assert (tmp_path / NAME).read_bytes() == before


def test_a_backup_that_was_cut_off_bears_no_name_of_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: half a copy that looks like the way back."""
    filled(tmp_path)
    change(tmp_path, "ALTER TABLE messages DROP model", "PRAGMA user_version = 3")
    (tmp_path / "conversations-copy.part").write_bytes(b"half")
    monkeypatch.setattr("app.conversations.safe.Path.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Store(tmp_path)
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} <= {"conversations.sqlite3"}
    monkeypatch.undo()
    Store(tmp_path).close()
    assert len(list(tmp_path.glob("conversations-version-3-*"))) == 1


def test_a_title_of_several_lines(tmp_path: Path) -> None:
    """Guards: a row of the list that stands over others."""
    talk = filled(tmp_path, 1)[0]
    change(tmp_path, "UPDATE chats SET title = 'a' || char(10) || 'b'")
    store = Store(tmp_path)
    assert store.chats()[0].title == "a b"
    assert store.read(talk.id) == (replace(talk, title="a b"), "half a sent")
    with pytest.raises(StoreError):
        Store(tmp_path / "nowhere", make=False)
