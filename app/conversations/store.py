"""Keeps conversations in SQLite: one row per message, the log of an answer in parts as it grew. No Qt.

One thread owns a store. Every writing method is one transaction: after a StoreError nothing of it was written.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from app.conversations.conversation import ChatSettings, Conversation, Message, Reply
from app.conversations.mending import mended
from app.conversations.row_writer import Growth, RowWriter
from app.conversations.rows import (
    COLUMNS,
    as_json,
    chat_settings_of,
    message_of,
    moment_of,
    text_of,
    unpacked,
)
from app.conversations.safe import connect, connect_for_reading, told, transaction
from app.conversations.salvage import Saved, salvage
from app.conversations.summaries import UNTITLED, Hit, Summary
from app.conversations.trash import Trash
from app.conversations.words import MARK, excerpt, query
from app.threads.failure import Failure

AT_ONCE = 8_000  # bytes of logs read together with a conversation; longer ones are recalled afterwards
FOUND = 200  # messages a search looks at, the best first
_NOT_SAVED = "The conversation could not be saved"
_NOT_READ = "The conversations could not be read"


class Store:
    """The conversations of one data folder; None keeps them in memory. ``notes``: what opening did, to be shown.

    ``reading``: what is there now is taken into memory; the disk is not written.
    What is deleted goes to ``trash``. Answers the program left growing when it last ended are marked as cut.
    """

    def __init__(self, folder: Path | None, *, make: bool = True, reading: bool = False) -> None:
        self.notes: list[Failure] = []
        if reading and folder is not None:
            self._db = connect_for_reading(folder)
        else:
            self._db = connect(folder, self.notes, make=make)
        self.trash, self._rows = Trash(self._db), RowWriter(self._db)
        try:
            with told("The conversations could not be opened", opening=True), transaction(self._db):
                self._db.execute("DELETE FROM notes WHERE name = 'closed'")
                self._rows.settle_cut()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file cleanly, so that the next start need not check it."""
        with suppress(sqlite3.Error):
            self._db.execute("INSERT OR REPLACE INTO notes VALUES ('closed', '')")
        self._db.close()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._db.close()

    def take_in(self, damaged: Path) -> Saved:
        """Copy what can be read of a ``damaged`` file into this new one."""
        with told("What can be read of the damaged file could not be saved"), transaction(self._db):
            return salvage(damaged, self._db)

    # Reading

    def chats(self) -> tuple[Summary, ...]:
        """Return every conversation that is not deleted, the newest first."""
        with told(_NOT_READ):
            rows = self._db.execute(
                "SELECT id, title, used, pinned FROM chats WHERE deleted IS NULL ORDER BY used DESC"
            ).fetchall()
        return tuple(
            Summary(id_, _line(title) or UNTITLED, moment_of(used), bool(pinned)) for id_, title, used, pinned in rows
        )

    def read(self, chat: int) -> tuple[Conversation, str] | None:
        """Return a conversation and what was being written in it, or None where there is none of that id.

        The logs of its newest answers come with it; the others come empty, for ``recall``.
        """
        with told(_NOT_READ):
            head = self._db.execute(
                "SELECT title, named, leaf, manner, draft FROM chats WHERE id = ? AND deleted IS NULL", (chat,)
            ).fetchone()
            if head is None:
                return None
            rows = self._db.execute(
                f"SELECT {COLUMNS} FROM messages WHERE chat = ? AND deleted IS NULL "  # noqa: S608 - a constant
                "ORDER BY created, rowid", (chat,)
            ).fetchall()  # fmt: skip
            tree = self._with_logs(mended([message_of(row) for row in rows]))
        title, named, leaf, kept, draft = head
        known = {message.id for message in tree}
        if leaf not in known:
            leaf = tree[-1].id if tree else None
        settings = chat_settings_of(kept)
        return Conversation(tuple(tree), leaf, _line(title), bool(named), settings, chat), text_of(draft)

    def recall(self, message: Message) -> Message:
        """Return ``message`` with its log; without one if it has none."""
        with told(_NOT_READ):
            return _with_rounds(message, self._parts(message.id))

    def search(self, text: str) -> tuple[Hit, ...]:
        """Return one hit for each conversation with all words of ``text``, whole or begun, in one message or the title.

        Case and accents do not matter. Titles come first, then messages by relevance.
        """
        wanted = query(text)
        if not wanted:
            return ()
        with told(_NOT_READ):
            titled = self._db.execute(
                "SELECT c.id, c.title FROM titles JOIN chats c ON c.id = titles.rowid "
                "WHERE titles MATCH ? AND c.deleted IS NULL ORDER BY c.used DESC", (wanted,)
            ).fetchall()  # fmt: skip
            said = self._db.execute(
                "SELECT c.id, c.title, m.id, w.marked FROM ("
                "SELECT rowid AS id, highlight(words, 0, ?, ?) AS marked FROM words "
                "WHERE words MATCH ? ORDER BY rank LIMIT ?) w "
                "JOIN messages m ON m.id = w.id JOIN chats c ON c.id = m.chat "
                "WHERE m.deleted IS NULL AND c.deleted IS NULL", (MARK, MARK, wanted, FOUND)
            ).fetchall()  # fmt: skip
        found: dict[int, Hit] = {}
        for chat, title, message, marked in said:
            if chat not in found:
                found[chat] = Hit(chat, _line(title) or UNTITLED, message, excerpt(text_of(marked)))
        first = {chat: found.get(chat, Hit(chat, _line(title) or UNTITLED, None, "")) for chat, title in titled}
        return tuple((first | found).values())

    def questions(self) -> list[str]:
        """Return what was asked in all conversations that are not deleted, each once, the newest first."""
        with told(_NOT_READ):
            rows = self._db.execute(
                "SELECT m.text FROM messages m JOIN chats c ON c.id = m.chat "
                "WHERE m.role = 'user' AND m.deleted IS NULL AND c.deleted IS NULL ORDER BY m.created DESC"
            ).fetchall()
        return [text for text in dict.fromkeys(text_of(row[0]).strip() for row in rows) if text]

    def note(self, name: str) -> str:
        """Return what was kept under ``name``, or nothing."""
        with told(_NOT_READ):
            row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return text_of(row[0]) if row else ""

    def named_settings(self) -> dict[str, ChatSettings]:
        """Return the chat settings kept under a name, by name."""
        with told(_NOT_READ):
            rows = self._db.execute("SELECT name, manner FROM manners ORDER BY name COLLATE NOCASE").fetchall()
        return {text_of(name): chat_settings_of(kept) for name, kept in rows}

    # Writing

    def add_question(self, conversation: Conversation, message: Message) -> None:
        """Keep ``message``, and with the first one the conversation; drop its draft."""
        with told(_NOT_SAVED), transaction(self._db):
            self._rows.put_chat(conversation, message.created)
            self._rows.put_message(conversation.id, message)
            self._rows.index(message.id, message.text)
            self._db.execute("UPDATE chats SET draft = '' WHERE id = ?", (conversation.id,))

    def grow(self, chat: int, growth: Growth) -> None:
        """Add to a growing answer what is new; the first time, the answer itself."""
        with told(_NOT_SAVED), transaction(self._db):
            self._rows.grow(chat, growth)

    def finish(self, conversation: Conversation, growth: Growth) -> None:
        """Add the last of an answer and how it ended."""
        with told(_NOT_SAVED), transaction(self._db):
            self._rows.grow(conversation.id, growth)
            message = growth.message
            self._rows.put_message(conversation.id, message)
            self._rows.index(message.id, message.text)
            self._rows.put_chat(conversation, time.time())

    def put(self, conversation: Conversation) -> None:
        """Keep the title, settings and branch of a conversation that is on disk already; when it was used stays."""
        with told(_NOT_SAVED), transaction(self._db):
            self._rows.put_chat(conversation, None)

    def put_whole(self, conversation: Conversation) -> None:
        """Save a whole conversation, logs included, replacing any older state."""
        with told(_NOT_SAVED), transaction(self._db):
            self._rows.put_chat(conversation, conversation.tree[-1].created if conversation.tree else time.time())
            for message in conversation.tree:
                self._rows.put_message(conversation.id, message)
                self._rows.index(message.id, message.text)
                self._db.execute("DELETE FROM rounds WHERE message = ?", (message.id,))
                if message.reply is not None and message.reply.rounds:
                    self._rows.add_part(message.id, message.reply.rounds)

    def rename(self, chat: int, title: str) -> None:
        """Give a conversation a title by hand."""
        with told(_NOT_SAVED), transaction(self._db):
            self._db.execute("UPDATE chats SET title = ?, named = 1 WHERE id = ?", (title, chat))
            self._rows.title(chat, title)

    def pin(self, chat: int, *, pinned: bool) -> None:
        """Pin a conversation to the top of the list, or unpin it."""
        with told(_NOT_SAVED), transaction(self._db):
            self._db.execute("UPDATE chats SET pinned = ? WHERE id = ?", (pinned, chat))

    def put_draft(self, chat: int | None, text: str) -> None:
        """Keep what is being written in a conversation; None: in one that is not on disk yet."""
        with told(_NOT_SAVED), transaction(self._db):
            if chat is None:
                self._db.execute("INSERT OR REPLACE INTO notes VALUES ('draft', ?)", (text,))
            else:
                self._db.execute("UPDATE chats SET draft = ? WHERE id = ?", (text, chat))

    def put_note(self, name: str, value: str) -> None:
        """Keep ``value`` under ``name``."""
        with told(_NOT_SAVED), transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def put_named_settings(self, name: str, chat_settings: ChatSettings | None) -> None:
        """Keep ``chat_settings`` under ``name``; None forgets it."""
        with told(_NOT_SAVED), transaction(self._db):
            if chat_settings is None:
                self._db.execute("DELETE FROM manners WHERE name = ?", (name,))
            else:
                self._db.execute("INSERT OR REPLACE INTO manners VALUES (?, ?)", (name, as_json(asdict(chat_settings))))

    # Logs

    def _with_logs(self, tree: list[Message]) -> list[Message]:
        """Add the logs of the newest answers, as many as can be read at once."""
        left = AT_ONCE
        for at in range(len(tree) - 1, -1, -1):
            if tree[at].reply is None:
                continue
            parts = self._parts(tree[at].id)
            left -= sum(map(len, parts))
            if left < 0:
                break
            tree[at] = _with_rounds(tree[at], parts)
        return tree

    def _parts(self, message: int) -> list[bytes]:
        rows = self._db.execute("SELECT body FROM rounds WHERE message = ? ORDER BY part", (message,)).fetchall()
        return [body if isinstance(body, bytes) else b"" for (body,) in rows]  # nothing else can be unpacked


def _line(title: object) -> str:
    """Return a title as one line."""
    return " ".join(text_of(title).split())


def _with_rounds(message: Message, parts: Iterable[bytes]) -> Message:
    """Return ``message`` with the rounds of ``parts``. A log nobody can read any more leaves the text alone."""
    return replace(message, reply=replace(message.reply or Reply(), rounds=unpacked(parts)))
