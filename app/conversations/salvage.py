"""Copies what can still be read of a damaged file into a new one, row by row. SQLite, no Qt.

A scan ends at the first page that is broken. So the rows are looked for from both ends and by every id that another
table or an index still names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.conversations.conversation import title_of
from app.conversations.rows import as_json, chat_settings_of, moment_of, text_of
from app.conversations.schema import TABLES
from app.conversations.words import indexed

Row = dict[str, Any]
_BROKEN = (sqlite3.Error, UnicodeDecodeError)  # the second: a name in SQLite's own message is no text
_IDS = {  # where the ids of a table's rows are named: column, table, and what it is read through
    "chats": (("id", "chats"), ("rowid", "titles"), ("chat", "messages")),
    "messages": (
        ("id", "messages NOT INDEXED"),
        ("rowid", "messages INDEXED BY messages_by_chat"),
        ("rowid", "words"),
        ("message", "rounds"),
    ),
}


@dataclass(frozen=True, slots=True)
class Saved:
    """How many conversations and messages could be read, those in the trash included."""

    chats: int
    messages: int


def salvage(damaged: Path, fresh: sqlite3.Connection) -> Saved:
    """Copy what can be read of ``damaged``, which is left as it is, into ``fresh``, new and in a transaction.

    Raises sqlite3.Error only where ``fresh`` cannot be written.
    """
    with closing(sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=ro", uri=True)) as old:
        old.text_factory = text_of
        with suppress(*_BROKEN):
            old.execute("PRAGMA writable_schema = ON")  # else a file that was cut off is refused altogether
        messages = {row["id"]: row for row in _rows(old, "messages") if isinstance(row.get("chat"), int)}
        chats = {row["id"]: row for row in _rows(old, "chats")}
        for message in messages.values():
            _put_chat(fresh, chats, message)
        for message in messages.values():
            _put_message(fresh, message)
            _copy_log(old, fresh, message["id"])
        for name in ("manners", "notes"):
            _copy_pairs(old, fresh, name)
    return Saved(len({message["chat"] for message in messages.values()}), len(messages))


def _rows(old: sqlite3.Connection, table: str) -> Iterator[Row]:
    """Yield every row that can be read, by the columns there are."""
    with suppress(*_BROKEN):
        there = {str(name) for _, name, *_ in old.execute(f"PRAGMA table_info({table})")}
        columns = [column for column in TABLES[table].split(", ") if column in there]
        for id_ in sorted(_ids(old, table)):
            with suppress(*_BROKEN):
                found = old.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE id = ?", (id_,)).fetchone()  # noqa: S608
                if found is not None:
                    yield dict(zip(columns, found, strict=True)) | {"id": id_}


def _ids(old: sqlite3.Connection, table: str) -> set[int]:
    """Return every id of ``table`` that is named anywhere, read forwards and backwards up to where it breaks off."""
    found: set[int] = set()
    for column, source in _IDS[table]:
        order = "chat {0}, created {0}" if "INDEXED BY" in source else f"{column} {{0}}"
        for way in ("ASC", "DESC"):
            with suppress(*_BROKEN):
                for (id_,) in old.execute(f"SELECT {column} FROM {source} ORDER BY {order.format(way)}"):  # noqa: S608
                    if isinstance(id_, int):
                        found.add(id_)
    return found


def _put_chat(fresh: sqlite3.Connection, chats: dict[int, Row], message: Row) -> None:
    """Create the chat ``message`` belongs to, once, with what is known of it where its own row is lost."""
    id_, created = message["chat"], moment_of(message.get("created"))
    row = chats.get(id_, {})
    title = text_of(row.get("title")) or title_of(text_of(message.get("text")))
    deleted, leaf = row.get("deleted"), row.get("leaf")
    made = fresh.execute(
        "INSERT OR IGNORE INTO chats (id, title, named, pinned, used, deleted, leaf, manner, draft) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id_, title, bool(row.get("named")), bool(row.get("pinned")), moment_of(row.get("used", created)),
            None if deleted is None else moment_of(deleted), leaf if isinstance(leaf, int) else None,
            _chat_settings(row.get("manner")), text_of(row.get("draft")),
        ),
    ).rowcount  # fmt: skip
    if made:
        fresh.execute("INSERT INTO titles (rowid, text) VALUES (?, ?)", (id_, indexed(title)))


def _chat_settings(kept: object) -> str:
    return text_of(kept) if kept is not None and chat_settings_of(kept) != chat_settings_of("{}") else as_json({})


def _put_message(fresh: sqlite3.Connection, row: Row) -> None:
    role = "user" if row.get("role") == "user" else "assistant"
    text, deleted = text_of(row.get("text")), row.get("deleted")
    kept = {
        **row, "role": role, "text": text, "created": moment_of(row.get("created")),
        "deleted": None if deleted is None else moment_of(deleted),
    }  # fmt: skip
    if role == "assistant" and kept.get("outcome") is None:
        kept["outcome"] = "cut"
    marks = ", ".join("?" * len(kept))
    fresh.execute(f"INSERT OR IGNORE INTO messages ({', '.join(kept)}) VALUES ({marks})", tuple(kept.values()))  # noqa: S608
    fresh.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (row["id"], indexed(text)))


def _copy_log(old: sqlite3.Connection, fresh: sqlite3.Connection, message: int) -> None:
    """Copy the log of a message if all of it can be read; half of one would tell another story."""
    try:
        parts = old.execute("SELECT message, part, body FROM rounds WHERE message = ?", (message,)).fetchall()
    except _BROKEN:
        return
    if all(isinstance(part, int) and isinstance(body, bytes) for _, part, body in parts):
        fresh.executemany("INSERT OR IGNORE INTO rounds VALUES (?, ?, ?)", parts)


def _copy_pairs(old: sqlite3.Connection, fresh: sqlite3.Connection, table: str) -> None:
    pairs: list[tuple[str, str]] = []
    with suppress(*_BROKEN):
        for name, value in old.execute(f"SELECT {TABLES[table]} FROM {table}"):  # noqa: S608 - constants
            pairs.append((text_of(name), text_of(value)))
    fresh.executemany(
        f"INSERT OR IGNORE INTO {table} VALUES (?, ?)",  # noqa: S608 - constants
        [(name, value) for name, value in pairs if name != "closed"],
    )
