"""Conversations on disk: what is saved is there again, whatever happens to the program, the file or the disk."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.conversations.conversation import ChatSettings, Conversation, Message, Outcome, Reply
from app.conversations.row_writer import Growth
from app.conversations.safe import NAME, DamagedError, FolderGoneError, StoreError, set_aside
from app.conversations.store import Store
from engine.config import Chosen
from engine.events import Event
from tests.app.scripted import STORY, speculated

ROOT = Path(__file__).parents[3]


def answered(question: str, answer: str = STORY, outcome: Outcome = "finished", **more: object) -> Conversation:
    """Return a conversation of one question and one answer with its log."""
    talk = Conversation(**more).plus(Message("user", question))  # type: ignore[arg-type]
    reply = Reply().after(speculated(answer)).ended(outcome)
    return talk.plus(Message("assistant", reply.text, reply))


def keep(store: Store, talk: Conversation) -> Conversation:
    """Save ``talk`` as the program does, message by message."""
    for message in talk.messages:
        if message.role == "user":
            store.add_question(talk.back_to(message.id), message)
        else:
            assert message.reply is not None
            store.finish(talk, Growth(message, message.reply.rounds, message.text, message.reply))
    return talk


def read_whole(store: Store, chat: int) -> Conversation | None:
    """Return a conversation with all its logs."""
    found = store.read(chat)
    if found is None:
        return None
    return replace(found[0], tree=tuple(m if m.recalled else store.recall(m) for m in found[0].tree))


def test_a_conversation_comes_back_as_it_was(tmp_path: Path) -> None:
    """Guards: a log, a setting, a branch or a character that is not what was saved."""
    chat_settings = ChatSettings("Answer in verse.", Chosen(temperature=0.3, top_k=7, seed=5), 99)
    talk = keep(Store(tmp_path), answered("Wer? — 日本語 😀\n\nsecond line", chat_settings=chat_settings))
    found, draft = Store(tmp_path).read(talk.id) or (None, "")
    assert found == replace(talk, id=talk.id)
    assert found.messages[1].reply == talk.messages[1].reply
    assert draft == ""


def test_questions_are_those_that_are_not_deleted(tmp_path: Path) -> None:
    """Guards: a deleted chat of which something is learnt."""
    store = Store(tmp_path)
    for question in ("One", "Two ", "One"):
        keep(store, answered(question))
    gone = keep(store, answered("Secret"))
    store.trash.take_chat(gone.id)
    assert sorted(store.questions()) == ["One", "Two"]


def test_branches_come_back_with_the_one_shown(tmp_path: Path) -> None:
    """Guards: an edit that erases what it replaces, or a start that shows another version than was left."""
    store = Store(tmp_path)
    talk = keep(store, answered("One"))
    other = keep(store, talk.back_to(None).plus(Message("user", "Two")))
    found, _ = store.read(talk.id) or (None, "")
    assert found is not None
    assert [m.text for m in found.messages] == ["Two"]
    assert [found.find(version).text for version in found.versions(found.messages[0].id)] == ["One", "Two"]
    back = other.showing(talk.messages[0].id)
    store.put(back)
    again, _ = store.read(talk.id) or (None, "")
    assert again is not None
    assert [m.text for m in again.messages] == ["One", STORY]


def test_an_answer_grows_part_by_part(tmp_path: Path) -> None:
    """Guards: rounds saved twice or not at all, and a log written anew each second."""
    store = Store(tmp_path)
    talk = keep(store, Conversation().plus(Message("user", "Tell me.")))
    events: list[Event] = list(speculated())
    answer, reply, rounds = Message("assistant", "", parent=talk.leaf), Reply(), 0
    for upto in range(3, len(events), 4):
        before, reply = reply, Reply().after(events[:upto])
        fresh = reply.rounds[len(before.rounds) :]
        store.grow(talk.id, Growth(answer, fresh, reply.text[len(before.text) :], reply))
        rounds += len(fresh)
    found, _ = store.read(talk.id) or (None, "")
    assert found is not None
    grown = found.messages[-1]
    assert grown.reply is not None
    assert grown.reply.rounds == reply.rounds
    assert grown.text == reply.text
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        sizes = [size for (size,) in db.execute("SELECT LENGTH(body) FROM rounds ORDER BY part")]
    assert len(sizes) > 4
    assert max(sizes[1:]) < 2 * min(sizes[1:-1]) + 400  # parts, not ever longer wholes


def test_an_answer_left_growing_is_marked_as_cut(tmp_path: Path) -> None:
    """Guards: a cut answer that looks finished, or that a search does not find."""
    store = Store(tmp_path)
    talk = keep(store, Conversation().plus(Message("user", "Tell me.")))
    reply = Reply().after(list(speculated())[:8])
    store.grow(talk.id, Growth(Message("assistant", "", parent=talk.leaf), reply.rounds, reply.text, reply))
    store.abandon()
    again = Store(tmp_path)
    found, _ = again.read(talk.id) or (None, "")
    assert found is not None
    assert found.messages[-1].reply is not None
    assert found.messages[-1].reply.outcome == "cut"
    assert found.messages[-1].unfinished
    assert [hit.chat for hit in again.search(reply.text.split()[0])] == [talk.id]


WRITER = """
import sys, time
from pathlib import Path
from app.conversations.conversation import Conversation, Message, Reply
from app.conversations.row_writer import Growth
from app.conversations.store import Store
from tests.app.scripted import pieces, round_of, token
store = Store(Path(sys.argv[1]))
talk = Conversation().plus(Message("user", "Count."))
store.add_question(talk, talk.messages[0])
print(talk.id, flush=True)
answer, reply = Message("assistant", "", parent=talk.leaf), Reply()
for index in range(100_000):
    round_ = round_of(index, [token(f" {index}")], 0.01 * index)
    reply = reply.after([round_])
    store.grow(talk.id, Growth(answer, (round_,), round_.text, reply))
    print(index, flush=True)
"""


@pytest.mark.parametrize("moment", [0.0, 0.013, 0.05, 0.11, 0.2])
def test_a_kill_loses_nothing_that_was_saved(tmp_path: Path, moment: float) -> None:
    """Guards: a file that kill -9 leaves broken, or that lacks what the store said it had written."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert writer.stdout is not None
    chat = int(writer.stdout.readline())
    time.sleep(moment)
    writer.send_signal(signal.SIGKILL)
    said = [int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    writer.wait()
    writer.stdout.close()
    store = Store(tmp_path)
    assert store.notes == []
    found = read_whole(store, chat)
    assert found is not None
    assert found.messages[0].text == "Count."
    last = said[-1] if said else -1
    saved = found.messages[1].text.split() if len(found.messages) > 1 else []
    assert saved[: last + 1] == [str(n) for n in range(last + 1)]
    assert len(saved) <= last + 3
    if saved:
        assert found.messages[1].reply is not None
        assert "".join(r.text for r in found.messages[1].reply.rounds) == found.messages[1].text


@pytest.mark.parametrize("kind", ["zeros", "text", "torn", "cut"])
def test_a_damaged_file_is_set_aside(tmp_path: Path, kind: str) -> None:
    """Guards: a broken file overwritten, used on as if it were whole, or in the way of every later start."""
    store = Store(tmp_path)
    for n in range(40):
        keep(store, answered(f"Question {n}"))
    store.abandon()
    file = tmp_path / NAME
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
    whole = file.read_bytes()
    broken = {
        "zeros": bytes(len(whole)),
        "text": b"These are no conversations." * 100,
        "torn": whole[:8192] + os.urandom(8192) + whole[16384:],
        "cut": whole[: len(whole) // 2],
    }[kind]
    file.write_bytes(broken)
    with pytest.raises(DamagedError):
        Store(tmp_path)
    assert file.read_bytes() == broken
    kept = set_aside(tmp_path)
    assert kept == next(tmp_path.glob("conversations-damaged-*.sqlite3"))
    assert kept.read_bytes() == broken
    fresh = Store(tmp_path)
    assert fresh.chats() == ()


def test_version_1_is_migrated_after_a_backup(tmp_path: Path) -> None:
    """Guards: old conversations lost, or changed with no way back."""
    script = Path(__file__).with_name("data").joinpath("version1.sql").read_text("utf-8")
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.executescript(script)
    store = Store(tmp_path)
    assert [chat.title for chat in store.chats()] == ["An empty one", "Why the sky is blue"]
    talk, _ = store.read(store.chats()[1].id) or (None, "")
    assert talk is not None
    assert [(m.role, m.text) for m in talk.messages] == [
        ("user", "Why is the sky blue?"),
        ("assistant", "Because air scatters blue light most."),
        ("user", 'And at sunset; is it "red"?'),
    ]
    assert not talk.messages[1].unfinished
    assert [hit.title for hit in store.search("scatter")] == ["Why the sky is blue"]
    keep(store, answered("New"))
    backup = next(tmp_path.glob("conversations-version-1-*.sqlite3"))
    assert backup.name in store.notes[0].hint
    assert store.notes[0].calm  # nothing is wrong, so it is no red box
    with closing(sqlite3.connect(backup)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT COUNT(*) FROM messages").fetchone() == (3,)
    store.close()
    assert Store(tmp_path).notes == []


def test_version_2_keeps_its_branches_and_logs(tmp_path: Path) -> None:
    """Guards: conversations of yesterday that today's program cannot open, or whose rounds it drops."""
    store = Store(tmp_path)
    talk = keep(store, answered("Of old"))
    store.close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        for column in ("told_from", "model"):
            db.execute(f"ALTER TABLE messages DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 2")
    store = Store(tmp_path)
    assert "conversations-version-2-" in store.notes[0].hint
    assert store.read(talk.id) == (talk, "")
    longer = talk.plus(Message("assistant", "More", Reply(outcome="finished"), told_from=talk.messages[1].id))
    store.put_whole(longer)
    assert store.read(talk.id) == (longer, "")


def test_version_3_gains_the_names_of_models(tmp_path: Path) -> None:
    """Guards: an answer that does not say which model wrote it, a name invented for an old one, a lost one."""
    store = Store(tmp_path)
    talk = keep(store, answered("Of old"))
    store.close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.executescript("ALTER TABLE messages DROP COLUMN model; PRAGMA user_version = 3;")
    store = Store(tmp_path)
    assert "conversations-version-3-" in store.notes[0].hint
    assert store.read(talk.id) == (talk, "")
    assert talk.model is None
    question = talk.plus(Message("user", "And now?"))
    store.add_question(question, question.messages[-1])
    reply = Reply().after(speculated())
    answer = Message("assistant", reply.text, reply.ended("stopped"), model="SmolLM2 135M")
    now = question.plus(answer)
    store.finish(now, Growth(now.messages[-1], reply.rounds, reply.text, now.messages[-1].reply or reply))
    assert store.read(talk.id) == (now, "")
    assert now.model == "SmolLM2 135M"
    on = now.messages[-1].by("Qwen3 0.6B")
    store.grow(talk.id, Growth(on, (), " more", reply))
    found, _ = store.read(talk.id) or (None, "")
    assert found is not None
    assert found.messages[-1].model == "SmolLM2 135M, then Qwen3 0.6B"
    assert found.model == "Qwen3 0.6B"
    assert on.by("Qwen3 0.6B") == on


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Guards: a file left between two versions."""
    script = Path(__file__).with_name("data").joinpath("version1.sql").read_text("utf-8")
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.executescript(script + "CREATE TABLE words (text);")  # in the way of a later table
    with pytest.raises(DamagedError):
        Store(tmp_path)
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT COUNT(*) FROM messages").fetchone() == (3,)


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    """Guards: an old program that breaks what a newer one wrote."""
    keep(Store(tmp_path), answered("Hi"))
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer Updraft"):
        Store(tmp_path)


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    """Guards: an empty list where a drive is not connected, and two sets of conversations afterwards."""
    folder = tmp_path / "drive" / "data"
    Store(folder).close()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(FolderGoneError, match="gone"):
        Store(folder, make=False)
    assert not folder.exists()


@contextmanager
def little_room(folder: Path, more: int) -> Iterator[None]:
    """Let files in ``folder`` grow by ``more`` bytes at most: a file-size limit, which root obeys too."""
    largest = max(file.stat().st_size for file in folder.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    """Guards: a traceback, a hint nobody can act on, half an answer, a store that is of no use afterwards."""
    store = Store(tmp_path)
    talk = keep(store, answered("Before"))
    long = answered("Long? " + "word " * 40_000)
    with little_room(tmp_path, 4096), pytest.raises(StoreError) as error:
        store.add_question(long, long.messages[0])
    assert "could not be saved" in error.value.sentence
    assert "waits in memory" in error.value.hint
    assert [chat.id for chat in store.chats()] == [talk.id]
    keep(store, long)
    assert {chat.id for chat in store.chats()} == {talk.id, long.id}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_file_system(tmp_path: Path) -> None:
    """Guards: the same on a disk that really is full, where SQLite says so in other words."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)], check=False)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        store = Store(tmp_path)
        talk = keep(store, answered("Before"))
        (tmp_path / "ballast").write_bytes(bytes(os.statvfs(tmp_path).f_bavail * 4096 - 8192))
        long = answered("Long? " + "word " * 40_000)
        with pytest.raises(StoreError, match="full"):
            store.add_question(long, long.messages[0])
        (tmp_path / "ballast").unlink()
        store.add_question(talk, Message("user", "After", parent=talk.leaf))
        store.close()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_word_that_fills_a_message_is_found_in_time() -> None:
    """Guards: FTS5's snippet, which takes 1.3 s for this, and nine times as long where it is three times as much."""
    store = Store(None)
    keep(store, answered("Say it", "word " * 10_000))
    began = time.process_time()
    (hit,) = store.search("wor")
    assert time.process_time() - began < 0.6
    assert hit.excerpt.startswith("word word word")


def test_search_finds_titles_and_contents(tmp_path: Path) -> None:
    """Guards: a search that misses accents, beginnings of words or titles, or that finds what was deleted."""
    store = Store(tmp_path)
    cafe = keep(store, answered("Naïve Café au lait?", "A drink with milk."))
    fox = keep(store, answered("Tell me of animals", "The quick brown fox jumps."))
    store.rename(fox.id, "Zoology")
    assert [hit.chat for hit in store.search("cafe NAIVE")] == [cafe.id]
    hit = store.search("qui fox")[0]
    assert (hit.chat, hit.message, hit.title) == (fox.id, fox.messages[1].id, "Zoology")
    assert "quick brown fox" in hit.excerpt
    assert [hit.message for hit in store.search("zoo")] == [None]
    assert store.search("quick milk") == ()
    assert [hit.chat for hit in store.search('"AND (fox*')] == []
    assert store.search('  " * ') == ()
    far = "A lantern. " + "So it went on. " * 40
    keep(store, answered("Where?", f"{far}They lit a lantern by the lighthouse, {'and so on ' * 9}"))
    (found,) = store.search("light lant")
    assert found.excerpt.startswith("…So it went on. They lit a lantern by the lighthouse, and so on")
    assert found.excerpt.endswith("and so on…")
    keep(store, answered("Which?", "-" * 300 + " dots " + "." * 300))
    assert store.search("dots")[0].excerpt == "…dots…"
    tokyo = keep(store, answered("東京タワーはどこですか", "It is in Minato, 東京都 (Tokyo)."))
    assert [hit.chat for hit in store.search("タワー")] == [tokyo.id]
    assert store.search("東京都")[0].excerpt.startswith("It is in Minato, 東京都 (")
    assert store.search("京東") == ()
    store.trash.take_messages([fox.messages[1].id])
    assert store.search("fox") == ()
    store.trash.take_chat(cafe.id)
    assert store.search("milk") == ()
    store.trash.give_chat(cafe.id)
    assert [hit.chat for hit in store.search("milk")] == [cafe.id]


def test_what_was_deleted_long_ago_is_erased(tmp_path: Path) -> None:
    """Guards: deleted text kept for ever, a trash that loses what was only just deleted, or takes what was not."""
    store = Store(tmp_path)
    gone, kept = keep(store, answered("Gone")), keep(store, answered("Kept"))
    store.trash.take_chat(gone.id)
    store.trash.empty(time.time() - 60)
    assert [item.chat for item in store.trash.items()] == [gone.id]
    store.trash.empty(time.time() + 1)
    assert store.trash.items() == ()
    assert [chat.id for chat in store.chats()] == [kept.id]
    store.close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert db.execute("SELECT COUNT(*) FROM rounds WHERE message = ?", (gone.messages[1].id,)).fetchone() == (0,)
        assert db.execute("SELECT COUNT(*) FROM words").fetchone() == (2,)


def test_drafts_and_chat_settings_are_kept(tmp_path: Path) -> None:
    """Guards: what was being written lost with a crash; chat settings that come back as others."""
    store = Store(tmp_path)
    talk = keep(store, answered("Hi"))
    store.put_draft(talk.id, "half a sent")
    store.put_draft(None, "a new one")
    store.put_named_settings("Poet", ChatSettings("Rhyme.", Chosen(temperature=1.2), 64))
    store.abandon()
    again = Store(tmp_path)
    assert again.read(talk.id) is not None
    assert (again.read(talk.id) or (None, ""))[1] == "half a sent"
    assert again.note("draft") == "a new one"
    assert again.named_settings() == {"Poet": ChatSettings("Rhyme.", Chosen(temperature=1.2), 64)}
    again.put_named_settings("Poet", None)
    assert again.named_settings() == {}
    again.add_question(talk, Message("user", "half a sentence", parent=talk.leaf))
    assert (again.read(talk.id) or (None, ""))[1] == ""
    assert again.note("draft") == "a new one"  # which is for another chat


def test_ten_thousand_messages_are_found_and_opened_at_once(tmp_path: Path) -> None:
    """Guards: a list, a search or a conversation that takes longer than the eye forgives as history grows."""
    store = Store(tmp_path)
    with closing(sqlite3.connect(tmp_path / NAME)) as db, db:
        for chat in range(1, 501):
            db.execute(
                "INSERT INTO chats (id, title, used, leaf) VALUES (?, 'Chat', ?, ?)", (chat, chat, chat * 20 + 19)
            )
            for n in range(20):
                at, role = chat * 20 + n, ("user", "assistant")[n % 2]
                text = f"{STORY} number {at} " + "and so on " * (n % 7)
                row = (at, chat, at - 1 if n else None, role, text, at, "finished" if n % 2 else None)
                db.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, NULL, NULL, NULL, NULL)", row)
                db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (at, text))
    talk = keep(store, answered("The long one", STORY * 20))
    spent = {}
    jobs: dict[str, Callable[[], object]] = {
        "list": store.chats, "rare": lambda: store.search("number 7777"),
        "common": lambda: store.search("lantern"), "begun": lambda: store.search("lan mil"),
        "read": lambda: store.read(talk.id),
    }  # fmt: skip
    for name, job in jobs.items():
        times = []
        for _ in range(3):
            began = time.thread_time()  # of this thread alone: others may be at work on this machine
            assert job()
            times.append(1000 * (time.thread_time() - began))
        spent[name] = min(times)
    print({name: f"{ms:.1f} ms" for name, ms in spent.items()})  # noqa: T201
    assert max(spent.values()) < 150  # 50 where it was written
