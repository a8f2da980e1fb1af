"""Defines the entries of the conversation list and orders them. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

UNTITLED = "New chat"


@dataclass(frozen=True, slots=True)
class Summary:
    """One conversation as the list shows it; ``used``: when it was last written to, in seconds since 1970."""

    id: int
    title: str
    used: float
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result: in ``message``, or in the title alone (None). ``excerpt`` holds the words around it."""

    chat: int
    title: str
    message: int | None
    excerpt: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """A heading and its conversations, the newest first."""

    heading: str
    chats: tuple[Summary, ...]


def shelve(chats: Iterable[Summary], today: date) -> tuple[Shelf, ...]:
    """Group conversations under headings: pinned ones first, then by the local day of last use."""
    week = [today - timedelta(days=7), today - timedelta(days=1), today]
    found: dict[str, list[Summary]] = {
        heading: [] for heading in ("Pinned", "Today", "Yesterday", "Previous 7 days", "Earlier")
    }
    for chat in sorted(chats, key=lambda chat: chat.used, reverse=True):
        day = datetime.fromtimestamp(chat.used).astimezone().date()
        if chat.pinned:
            heading = "Pinned"
        elif day >= week[2]:  # a clock set back must not hide what was just written
            heading = "Today"
        elif day == week[1]:
            heading = "Yesterday"
        else:
            heading = "Previous 7 days" if day >= week[0] else "Earlier"
        found[heading].append(chat)
    return tuple(Shelf(heading, tuple(chats)) for heading, chats in found.items() if chats)
