"""Converts messages, events and chat settings to database rows and back, skipping what cannot be read. No Qt.

SQLite lets any column hold anything, so a damaged file can too: every value read is checked.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar, get_args

from app.conversations.checked import fits
from app.conversations.conversation import ChatSettings, Message, Outcome, Reply, whole
from engine.config import Chosen
from engine.errors import SettingError
from engine.events import Event, Finished, PlainPace, Round, Started, from_json, to_json

COLUMNS = "id, parent, role, text, created, told_from, outcome, started, pace, finished, model"
LATEST = 32_000_000_000.0  # seconds since 1970: the year 2984; Windows knows no dates after 3000
LONGEST = 256_000_000  # bytes of a log once unpacked: many times what a full context takes
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)
_OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

E = TypeVar("E", bound=Event)


def message_of(row: tuple[Any, ...]) -> Message:
    """Return the message of a row of COLUMNS, its log without rounds."""
    id_, parent, role, text, created, told_from, outcome, started, pace, finished, model = row
    parent = parent if isinstance(parent, int) else None
    text, created = text_of(text), moment_of(created)
    if role == "user":
        return Message("user", text, None, id_, parent, created)
    reply = Reply(
        event_of(started, Started),
        (),
        _pace_of(pace),
        event_of(finished, Finished),
        next((known for known in _OUTCOMES if known == outcome), None if outcome is None else "cut"),
    )
    told_from = told_from if isinstance(told_from, int) else None
    return Message("assistant", text, reply, id_, parent, created, told_from, None if model is None else text_of(model))


def _pace_of(kept: object) -> PlainPace | None:
    """Return the pace kept as JSON or, by earlier versions, as a number of seconds measured too briefly."""
    if isinstance(kept, float):
        return PlainPace(kept) if 0 < kept < math.inf else None
    return event_of(kept, PlainPace)


def text_of(value: object) -> str:
    """Return the value of a text column as text, whatever its type."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def moment_of(value: object) -> float:
    """Return what a column for a time holds, in seconds since 1970, within the years every calendar knows."""
    if not isinstance(value, int | float) or math.isnan(value):
        return 0.0
    return float(min(max(value, 0.0), LATEST))


def packed(rounds: Sequence[Round]) -> bytes:
    """Return one part of a log."""
    return zlib.compress(as_json([to_json(round_) for round_ in rounds]).encode(), 6)


def unpacked(parts: Iterable[bytes]) -> tuple[Round, ...]:
    """Return the rounds of ``parts``; none of a log that cannot be read."""
    left = LONGEST
    rounds: list[Round] = []
    try:
        for part in parts:
            unpacking = zlib.decompressobj()
            body = unpacking.decompress(part, left)
            left -= len(body)
            if left <= 0 or not unpacking.eof:
                return ()
            rounds += (_checked(from_json(value), Round) for value in json.loads(body))
    except (zlib.error, *_UNREADABLE):
        return ()
    return tuple(rounds)


def event_as_row(event: Event | None) -> str | None:
    """Return ``event`` as JSON."""
    return None if event is None else as_json(to_json(event))


def event_of(kept: object, kind: type[E]) -> E | None:
    """Return the event of ``kind`` that is kept as JSON, None where there is none that can be read."""
    with suppress(*_UNREADABLE):
        return None if kept is None else _checked(from_json(json.loads(text_of(kept))), kind)
    return None


def chat_settings_of(kept: object) -> ChatSettings:
    """Return the chat settings kept as JSON; what is unknown or out of range falls back to the usual."""
    with suppress(SettingError, *_UNREADABLE):
        value = json.loads(text_of(kept))
        value = {**value, "sampling": Chosen(**value.get("sampling", {}))} if value else {}
        chat_settings = ChatSettings(**value)
        if fits(chat_settings):
            return replace(chat_settings, system=whole(chat_settings.system))
    return ChatSettings()


def as_json(value: object) -> str:
    """Return ``value`` as compact JSON, without lone surrogates."""
    return whole(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _checked(event: Event, kind: type[E]) -> E:
    """Return ``event``, which is to be one of ``kind`` with all its fields as declared; raises TypeError."""
    if not isinstance(event, kind) or not fits(event):
        raise TypeError(f"this is no {kind.__name__}")
    return event
