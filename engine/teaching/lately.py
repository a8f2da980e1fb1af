"""What a model has written for this user, read anew each time from the conversations on the disk: no copy is kept.

What is deleted there, if only to the trash, is not read again. The tables are those of the window's own file. No torch.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from engine.errors import UpdraftError

NAME = "conversations.sqlite3"
VERSION = 4  # of the tables; a file of another one is not read
HELD_OUT = 4  # one of so many questions is never learnt from
PATIENCE = 5.0  # seconds that the window may be writing
_CHATS = "SELECT id, manner FROM chats WHERE deleted IS NULL"
_MESSAGES = (
    "SELECT id, parent, role, text, told_from, model, outcome FROM messages WHERE chat = ? AND deleted IS NULL "
    "ORDER BY created, rowid"
)

Row = tuple[Any, ...]
Turns = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, as (role, text) with the question last, and the ``text`` that the model wrote."""

    turns: Turns
    text: str

    @property
    def held(self) -> bool:
        """Whether it is never learnt from: decided by the question alone, so that all answers to it go together."""
        return sha256(self.turns[-1][1].encode()).digest()[0] % HELD_OUT == 0


def answers(folder: Path, model: str) -> list[Answer]:
    """Return what the model called ``model`` answered in the conversations of ``folder``, the oldest chat first.

    Raises UpdraftError for a file that cannot be read, or was written by another version.
    """
    file = folder / NAME
    if not file.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as db:
            db.text_factory = lambda value: value.decode("utf-8", "replace")
            if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                raise UpdraftError("These conversations are of another version of Updraft.", "Start the window once.")
            return list(_answers(db, model))
    except sqlite3.Error as cause:
        raise UpdraftError(f"{file} cannot be read: {cause}.", "Try again later.") from cause


def _answers(db: sqlite3.Connection, model: str) -> Iterator[Answer]:
    for chat, manner in db.execute(_CHATS).fetchall():
        rows = {row[0]: row for row in db.execute(_MESSAGES, (chat,))}
        told = _system(manner)
        for row in rows.values():
            _, _, role, text, _, by, outcome = row
            if role == "assistant" and by == model and outcome in {"finished", "stopped"} and text.strip():
                turns = _turns(rows, row)
                if turns and turns[-1][0] == "user":
                    yield Answer((*told, *turns), text)


def _system(manner: object) -> Turns:
    """Return the turn that tells a model how to answer, if the chat has one."""
    with suppress(ValueError, TypeError, AttributeError):
        system = json.loads(str(manner)).get("system")
        if isinstance(system, str) and system:
            return (("system", system),)
    return ()


def _turns(rows: Mapping[int, Row], answer: Row) -> Turns:
    """Return what the model saw of the conversation for ``answer``: questions that follow one another are one."""
    _, at, _, _, begins, _, _ = answer
    seen: dict[int, Row] = {}
    while at in rows and at not in seen:
        seen[at] = rows[at]
        at = None if at == begins else rows[at][1]
    turns: list[tuple[str, str]] = []
    for _, _, role, text, *_ in reversed(seen.values()):
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n\n{text}")
        else:
            turns.append((role, text))
    return tuple(turns)
