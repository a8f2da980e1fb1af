"""The statements that write conversations: one row a chat, a message, a part of a log. SQLite, no Qt."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from app.conversations.conversation import Conversation, Message, Reply
from app.conversations.rows import as_json, event_as_row, packed, text_of
from app.conversations.words import indexed
from engine.events import Round


@dataclass(frozen=True, slots=True)
class Growth:
    """Says what changed in an answer since it was last saved: new ``rounds``, its ``text``, and its other facts."""

    message: Message
    rounds: tuple[Round, ...]
    text: str
    reply: Reply


class RowWriter:
    """Writes rows through ``db``; the caller opens the transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def put_chat(self, conversation: Conversation, used: float | None) -> None:
        """Write a conversation but for its messages; ``used``: when it was, None: as it says already."""
        kept = (conversation.title, conversation.named, conversation.leaf, as_json(asdict(conversation.chat_settings)))
        if used is None:
            self._db.execute(
                "UPDATE chats SET title = ?, named = ?, leaf = ?, manner = ? WHERE id = ?", (*kept, conversation.id)
            )
        else:
            self._db.execute(
                "INSERT INTO chats (title, named, leaf, manner, id, used) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET title = excluded.title, named = excluded.named, leaf = excluded.leaf, "
                "manner = excluded.manner, used = excluded.used", (*kept, conversation.id, used)
            )  # fmt: skip
        self.title(conversation.id, conversation.title)

    def title(self, chat: int, title: str) -> None:
        """Let a search find a conversation by ``title``."""
        self._db.execute("DELETE FROM titles WHERE rowid = ?", (chat,))
        self._db.execute("INSERT INTO titles (rowid, text) VALUES (?, ?)", (chat, indexed(title)))

    def index(self, message: int, text: str) -> None:
        """Let a search find a message by ``text``."""
        self._db.execute("DELETE FROM words WHERE rowid = ?", (message,))
        self._db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (message, indexed(text)))

    def put_message(self, chat: int, message: Message) -> None:
        """Write a message of ``chat`` but for its log, new or in place of what is there."""
        reply = message.reply or Reply()
        self._db.execute(
            "INSERT INTO messages (text, outcome, started, pace, finished, id, chat, parent, role, created, told_from, "
            "model) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text, "
            "outcome = excluded.outcome, started = excluded.started, pace = excluded.pace, "
            "finished = excluded.finished, model = excluded.model",
            (
                message.text, reply.outcome, event_as_row(reply.started), event_as_row(reply.pace),
                event_as_row(reply.finished), message.id, chat, message.parent, message.role, message.created,
                message.told_from, message.model,
            ),
        )  # fmt: skip

    def grow(self, chat: int, growth: Growth) -> None:
        """Add what is new to a growing answer of ``chat``; the first time, the answer itself."""
        message, reply = growth.message, growth.reply
        changed = self._db.execute(
            "UPDATE messages SET text = text || ?, outcome = NULL, finished = NULL, started = ?, pace = ?, "
            "model = ? WHERE id = ?",
            (growth.text, event_as_row(reply.started), event_as_row(reply.pace), message.model, message.id),
        ).rowcount
        if not changed:
            self.put_message(chat, replace(message, text=growth.text, reply=reply))
            self._db.execute("UPDATE chats SET leaf = ?, used = ? WHERE id = ?", (message.id, time.time(), chat))
        if growth.rounds:
            self.add_part(message.id, growth.rounds)

    def add_part(self, message: int, rounds: Sequence[Round]) -> None:
        """Add ``rounds`` at the end of the log of ``message``."""
        self._db.execute(
            "INSERT INTO rounds SELECT ?, COALESCE(MAX(part) + 1, 0), ? FROM rounds WHERE message = ?",
            (message, packed(rounds), message),
        )

    def settle_cut(self) -> None:
        """Mark answers left growing as cut, and let a search find them."""
        cut = self._db.execute("SELECT id, text FROM messages WHERE role = 'assistant' AND outcome IS NULL").fetchall()
        for message, text in cut:
            self.index(message, text_of(text))
        self._db.execute("UPDATE messages SET outcome = 'cut' WHERE role = 'assistant' AND outcome IS NULL")
