"""A corpus of conversations and texts, read from a folder."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LEFT_OUT = ("gpteacher_",)  # written by a model whose terms forbid it
TWO_PEOPLE = ("self_dialogue", "topical_chat", "synthetic_persona")  # they speak of human lives: text, not chat

Message = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """One document: a conversation as ``messages``, or plain ``text``."""

    source: str
    messages: tuple[Message, ...] = ()
    text: str = ""


def read(folder: Path) -> Iterator[Record]:
    """Yield the records of ``chat.jsonl`` and ``text.jsonl`` in ``folder`` (also as .xz), less what is left out."""
    for name in ("chat.jsonl", "text.jsonl"):
        plain = folder / name
        with plain.open("rb") if plain.exists() else lzma.open(folder / f"{name}.xz", "rb") as lines:
            for line in lines:
                record = _record(json.loads(line))
                if not record.source.startswith(LEFT_OUT):
                    yield record


def _record(found: dict[str, object]) -> Record:
    source = str(found["source"])
    if "text" in found:
        return Record(source, text=str(found["text"]))
    messages: list[Message] = found["messages"]  # type: ignore[assignment]
    if source in TWO_PEOPLE:
        return Record(source, text="\n".join("- " + message["content"] for message in messages))
    return Record(source, messages=tuple(messages))
