"""The tables conversations are kept in, and the way there from every earlier version. No Qt.

A file says its version in ``user_version``. Version 1 kept each conversation as a numbered list of messages; version 2
did not say of an answer which messages had been left out, version 3 not which model wrote it.
"""

from __future__ import annotations

import sqlite3

from app.conversations.conversation import new_id
from app.conversations.words import indexed

VERSION = 4

# ``words`` holds the text of every message that is complete, as ``indexed`` has it, under the message's id; ``titles``
# those of chats. ``told_from``: the message an answer's view of the conversation begins with, NULL for the first;
# ``model``: the name of the model that wrote an answer, NULL where it is not known. ``manner`` and ``manners`` hold
# ChatSettings, by the name they had when the tables were made.
_CREATE = """
CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL DEFAULT '',
    named INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    used REAL NOT NULL,
    deleted REAL,
    leaf INTEGER,
    manner TEXT NOT NULL DEFAULT '{}',
    draft TEXT NOT NULL DEFAULT ''
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE,
    parent INTEGER,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    created REAL NOT NULL,
    deleted REAL,
    told_from INTEGER,
    outcome TEXT,
    started TEXT,
    pace REAL,
    finished TEXT,
    model TEXT
);
CREATE INDEX messages_by_chat ON messages (chat, created);
CREATE TABLE rounds (
    message INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
    part INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (message, part)
) WITHOUT ROWID;
CREATE TABLE manners (name TEXT PRIMARY KEY, manner TEXT NOT NULL);
CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
CREATE VIRTUAL TABLE titles USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
"""
# What has to be there, table by table. ``words`` and ``titles`` can be made anew from the others.
TABLES = {
    "chats": "id, title, named, pinned, used, deleted, leaf, manner, draft",
    "messages": "id, chat, parent, role, text, created, deleted, told_from, outcome, started, pace, finished, model",
    "rounds": "message, part, body",
    "manners": "name, manner",
    "notes": "name, value",
}


def require_all(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.OperationalError unless the file has every table and column it is to have."""
    for table, columns in (TABLES | {"words": "rowid, text", "titles": "rowid, text"}).items():
        connection.execute(f"SELECT {columns} FROM {table} LIMIT 0")  # noqa: S608 - constants


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of an open file; 0: it is new."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of the newest version in a new file, all or none."""
    _script(connection, _CREATE)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an older file to the newest version. The caller's transaction makes it all or nothing."""
    steps = {1: _from_1, 2: _from_2, 3: _from_3}
    while (version := version_of(connection)) < VERSION:
        steps[version](connection)


def _from_1(connection: sqlite3.Connection) -> None:
    """Turn numbered messages into a chain of parents, in the newest tables. Their answers count as finished."""
    connection.execute("ALTER TABLE chats RENAME TO old_chats")
    connection.execute("ALTER TABLE messages RENAME TO old_messages")
    create(connection)
    for old, title, created in connection.execute("SELECT id, title, created FROM old_chats").fetchall():
        chat, leaf, used = new_id(), None, created
        rows = connection.execute(
            "SELECT role, text, created FROM old_messages WHERE chat = ? ORDER BY position", (old,)
        ).fetchall()
        connection.execute("INSERT INTO chats (id, title, used) VALUES (?, ?, ?)", (chat, title, created))
        connection.execute("INSERT INTO titles (rowid, text) VALUES (?, ?)", (chat, indexed(title)))
        for role, text, said in rows:
            message, used = new_id(), max(used, said)
            outcome = "finished" if role == "assistant" else None
            connection.execute(
                "INSERT INTO messages (id, chat, parent, role, text, created, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (message, chat, leaf, role, text, said, outcome),
            )
            connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (message, indexed(text)))
            leaf = message
        connection.execute("UPDATE chats SET leaf = ?, used = ? WHERE id = ?", (leaf, used, chat))
    connection.execute("DROP TABLE old_messages")
    connection.execute("DROP TABLE old_chats")


def _from_2(connection: sqlite3.Connection) -> None:
    """Make room for what was left out; of the answers there are, nothing is known to have been."""
    connection.execute("ALTER TABLE messages ADD COLUMN told_from INTEGER")
    connection.execute("PRAGMA user_version = 3")


def _from_3(connection: sqlite3.Connection) -> None:
    """Make room for the names of models; nobody knows any more which wrote the answers there are."""
    connection.execute("ALTER TABLE messages ADD COLUMN model TEXT")
    connection.execute("PRAGMA user_version = 4")


def _script(connection: sqlite3.Connection, statements: str) -> None:
    """Run ``statements`` within the transaction; ``executescript`` would commit it first."""
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(statement)
