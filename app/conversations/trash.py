"""Keeps deleted rows for a while, lists, restores and erases them. SQLite, on the store's thread. No Qt."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.conversations.conversation import title_of
from app.conversations.rows import moment_of, text_of
from app.conversations.safe import told, transaction
from app.conversations.summaries import UNTITLED

DAYS = 30  # for which what was deleted can be brought back
KEPT = DAYS * 86400  # seconds
AGREE = 3  # days on which the clock has to say the same before anything is erased
_NOT_SAVED = "The trash could not be changed"


@dataclass(frozen=True, slots=True)
class Thrown:
    """A conversation in the trash, or ``messages`` of one that is not; ``when``: seconds since 1970.

    ``title``: the conversation's, ``excerpt``: the first words of the messages.
    """

    chat: int
    title: str
    when: float
    messages: tuple[int, ...] = ()
    excerpt: str = ""


class Trash:
    """The deleted rows of a file. Every method that writes is one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def items(self) -> tuple[Thrown, ...]:
        """Return what is in the trash, the newest first; messages deleted together are one item."""
        with told("The trash could not be read"):
            chats = self._db.execute("SELECT id, title, deleted FROM chats WHERE deleted IS NOT NULL").fetchall()
            messages = self._db.execute(
                "SELECT m.chat, c.title, m.deleted, m.id, m.text FROM messages m JOIN chats c ON c.id = m.chat "
                "WHERE m.deleted IS NOT NULL AND c.deleted IS NULL AND m.text <> '' ORDER BY m.created, m.rowid"
            ).fetchall()
        found = [Thrown(chat, text_of(title) or UNTITLED, moment_of(when)) for chat, title, when in chats]
        together: dict[tuple[int, float], list[tuple[str, int, str]]] = {}
        for chat, title, when, message, text in messages:
            together.setdefault((chat, moment_of(when)), []).append((text_of(title), message, text_of(text)))
        for (chat, when), rows in together.items():
            title, _, text = rows[0]
            found.append(Thrown(chat, title or UNTITLED, when, tuple(row[1] for row in rows), title_of(text)))
        return tuple(sorted(found, key=lambda item: item.when, reverse=True))

    def take_chat(self, chat: int) -> None:
        """Move a conversation to the trash."""
        with told(_NOT_SAVED), transaction(self._db):
            self._db.execute("UPDATE chats SET deleted = ? WHERE id = ?", (self._now(), chat))

    def give_chat(self, chat: int) -> None:
        """Take a conversation out of the trash."""
        with told(_NOT_SAVED), transaction(self._db):
            self._db.execute("UPDATE chats SET deleted = NULL WHERE id = ?", (chat,))

    def take_messages(self, messages: Iterable[int]) -> None:
        """Move messages to the trash as one item."""
        with told(_NOT_SAVED), transaction(self._db):
            when = self._now()
            rows = [(when, message) for message in messages]
            self._db.executemany("UPDATE messages SET deleted = ? WHERE id = ?", rows)

    def give_messages(self, messages: Sequence[int]) -> None:
        """Take messages out of the trash with their ancestors, so that none lacks its parent.

        Their conversation will be opened on the branch that has the last of them.
        """
        with told(_NOT_SAVED), transaction(self._db):
            self._db.executemany(
                "WITH RECURSIVE up (id) AS (SELECT ? UNION "
                "SELECT m.parent FROM messages m JOIN up ON m.id = up.id WHERE m.parent IS NOT NULL) "
                "UPDATE messages SET deleted = NULL WHERE id IN up AND deleted IS NOT NULL",
                [(message,) for message in messages],
            )
            self._db.executemany(
                "UPDATE chats SET leaf = ?1 WHERE id = (SELECT chat FROM messages WHERE id = ?1)",
                [(message,) for message in messages[-1:]],
            )

    def erase(self, items: Iterable[Thrown]) -> None:
        """Erase ``items`` for good; what was brought back meanwhile stays."""
        items = list(items)
        with told(_NOT_SAVED), transaction(self._db):
            for item in items:
                if item.messages:
                    self._erase_messages([(message,) for message in item.messages])
                else:
                    self._erase_chats([(item.chat,)])

    def tidy(self) -> None:
        """Erase for good what was deleted longer than KEPT ago.

        A clock can be wrong for a day, so the last AGREE days this was called on have to agree about that.
        """
        with told(_NOT_SAVED), transaction(self._db):
            days = self._days()
            if days and days[-1] // 86400 == time.time() // 86400:
                days.pop()
            days = [*days, time.time()][-AGREE:]
            self._db.execute("INSERT OR REPLACE INTO notes VALUES ('days', ?)", (json.dumps(days),))
        if len(days) == AGREE:
            self.empty(min(days) - KEPT)

    def _days(self) -> list[float]:
        """Return a moment of each of the last days this was used on, by the clock of then."""
        row = self._db.execute("SELECT value FROM notes WHERE name = 'days'").fetchone()
        try:
            kept = json.loads(text_of(row[0])) if row else []
            return [moment_of(day) for day in kept]
        except (ValueError, TypeError, RecursionError):
            return []

    def _now(self) -> float:
        """Return the time; where the clock is behind what it was on most of the last days, not before those."""
        days = self._days()
        return max(time.time(), sorted(days)[AGREE // 2] if len(days) == AGREE else 0.0)

    def empty(self, before: float) -> None:
        """Erase for good all that was deleted ``before``, in seconds since 1970."""
        with told(_NOT_SAVED), transaction(self._db):
            self._erase_messages(self._db.execute("SELECT id FROM messages WHERE deleted < ?", (before,)).fetchall())
            self._erase_chats(self._db.execute("SELECT id FROM chats WHERE deleted < ?", (before,)).fetchall())

    def _erase_messages(self, messages: Iterable[tuple[int]]) -> None:
        for message in messages:
            if self._db.execute("DELETE FROM messages WHERE id = ? AND deleted IS NOT NULL", message).rowcount:
                self._db.execute("DELETE FROM words WHERE rowid = ?", message)

    def _erase_chats(self, chats: Iterable[tuple[int]]) -> None:
        for chat in chats:
            said = self._db.execute("SELECT id FROM messages WHERE chat = ?", chat).fetchall()
            if self._db.execute("DELETE FROM chats WHERE id = ? AND deleted IS NOT NULL", chat).rowcount:
                self._db.execute("DELETE FROM titles WHERE rowid = ?", chat)
                self._db.executemany("DELETE FROM words WHERE rowid = ?", said)  # their rows went with the chat
