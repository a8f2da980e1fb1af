"""Messages, events and manners as rows hold them, and back; what cannot be read any more is left out. No Qt."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

from app.conversations.conversation import Manner, Message, Outcome, Reply
from engine.config import Chosen
from engine.errors import SettingError
from engine.events import Event, Finished, PlainPace, Round, Started, from_json, to_json

COLUMNS = "id, parent, role, text, created, told_from, outcome, started, pace, finished, model"


def message_of(row: tuple[Any, ...]) -> Message:
    """Return the message of a row of COLUMNS, its log without rounds."""
    id_, parent, role, text, created, told_from, outcome, started, pace, finished, model = row
    if role == "user":
        return Message("user", text, None, id_, parent, created)
    reply = Reply(
        cast("Started | None", event_of(started)),
        (),
        None if pace is None else PlainPace(pace),
        cast("Finished | None", event_of(finished)),
        cast("Outcome", outcome),
    )
    return Message("assistant", text, reply, id_, parent, created, told_from, model)


def packed(rounds: Sequence[Round]) -> bytes:
    """Return one part of a log."""
    return zlib.compress(as_json([to_json(round_) for round_ in rounds]).encode(), 6)


def unpacked(parts: Iterable[bytes]) -> tuple[Round, ...]:
    """Return the rounds of ``parts``; none of a log that cannot be read."""
    try:
        values = (value for part in parts for value in json.loads(zlib.decompress(part)))
        return tuple(cast("Round", from_json(value)) for value in values)
    except (zlib.error, ValueError, KeyError, TypeError):
        return ()


def event_as_row(event: Event | None) -> str | None:
    """Return ``event`` as JSON."""
    return None if event is None else as_json(to_json(event))


def event_of(kept: str | None) -> Event | None:
    """Return the event kept as JSON, or None."""
    with suppress(ValueError, KeyError, TypeError):
        return None if kept is None else from_json(json.loads(kept))
    return None


def manner_of(kept: str) -> Manner:
    """Return the manner kept as JSON; what is unknown or out of range falls back to the usual."""
    with suppress(ValueError, TypeError, SettingError):
        value = json.loads(kept)
        return Manner(**{**value, "sampling": Chosen(**value.get("sampling", {}))}) if value else Manner()
    return Manner()


def as_json(value: object) -> str:
    """Return ``value`` as JSON without a needless character."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
