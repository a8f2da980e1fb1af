"""The corpus as token shelves: read, told apart, held out, tokenised, and shuffled into training rows."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizer import ASSISTANT, BEGIN, END, ROLES
from tokenizers import Encoding, Tokenizer

LEARN = 0x8000  # the top bit of a stored token: a reply's loss counts it
HELD_OUT = 200  # every 200th record of a source is never trained on
LEFT_OUT = ("gpteacher_",)  # written by a model whose terms forbid it
TWO_PEOPLE = ("self_dialogue", "topical_chat", "synthetic_persona")  # they speak of human lives: text, not chat

Message = Mapping[str, str]
Tokens = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Record:
    """One document: a conversation as ``messages``, or plain ``text``."""

    source: str
    messages: tuple[Message, ...] = ()
    text: str = ""

    @property
    def parts(self) -> list[str]:
        """What is said, message by message, or the text."""
        return [message["content"] for message in self.messages] or [self.text]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Documents of one source: ``tokens`` (N,) with the LEARN bit on reply tokens, ``starts`` (documents + 1,)."""

    tokens: Tokens
    starts: NDArray[np.int64]

    def document(self, index: int) -> Tokens:
        """Return document ``index``, special tokens included."""
        return self.tokens[self.starts[index] : self.starts[index + 1]]

    def __len__(self) -> int:
        return len(self.starts) - 1


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


def split(records: Iterable[Record]) -> tuple[dict[str, list[Record]], dict[str, list[Record]]]:
    """Return the records by source, to train on and held out, each source in a fixed random order."""
    sources: dict[str, list[Record]] = {}
    for record in records:
        sources.setdefault(record.source, []).append(record)
    train, held = {}, {}
    for source, found in sources.items():
        random.Random(source).shuffle(found)
        held[source] = found[::HELD_OUT]
        train[source] = [record for index, record in enumerate(found) if index % HELD_OUT]
    return train, held


def shelve(records: list[Record], tokenizer: Tokenizer, chunk: int = 20_000) -> Shelf:
    """Tokenise ``records`` into one shelf; every document is ``<|begin|> ... <|end|>`` as the template has it."""
    pieces: list[Tokens] = []
    lengths: list[int] = []
    for first in range(0, len(records), chunk):
        some = records[first : first + chunk]
        contents = [part for record in some for part in record.parts]
        encoded = iter(tokenizer.encode_batch_fast(contents, add_special_tokens=False))
        for record in some:
            tokens = _tokens(record, encoded, tokenizer)
            pieces.append(tokens)
            lengths.append(len(tokens))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Shelf(np.concatenate(pieces), starts)


def _tokens(record: Record, encoded: Iterator[Encoding], tokenizer: Tokenizer) -> Tokens:
    begin, end = tokenizer.token_to_id(BEGIN), tokenizer.token_to_id(END)
    parts = [np.array([begin], dtype=np.uint16)]
    for role in [ROLES[message["role"]] for message in record.messages] or [""]:  # text has no role
        if role:
            parts.append(np.array([tokenizer.token_to_id(role)], dtype=np.uint16))
        spoken = np.array([*next(encoded).ids, end], dtype=np.uint16)
        parts.append(spoken | np.uint16(LEARN) if role in ("", ASSISTANT) else spoken)
    return np.concatenate(parts)


def save(shelves: Mapping[str, Shelf], folder: Path) -> None:
    """Write every shelf to ``folder`` as two .npy files."""
    folder.mkdir(parents=True, exist_ok=True)
    for source, shelf in shelves.items():
        np.save(folder / f"{source}.tokens.npy", shelf.tokens)
        np.save(folder / f"{source}.starts.npy", shelf.starts)


def load(folder: Path) -> dict[str, Shelf]:
    """Read the shelves ``save`` wrote to ``folder``."""
    return {
        path.name.removesuffix(".tokens.npy"): Shelf(
            np.load(path), np.load(path.with_name(path.name.replace(".tokens.", ".starts.")))
        )
        for path in sorted(folder.glob("*.tokens.npy"))
    }


def epoch(shelves: Mapping[str, Shelf], mix: Mapping[str, float], length: int, seed: int) -> Tokens:
    """Return rows (N, length + 1) of the shelves' documents in random order, one after another.

    ``mix`` says how often a source occurs: 2 twice, 0.5 a random half; a source it does not name is left out.
    Neighbouring rows share one token, so that every token but the first is predicted once.
    """
    shuffle = np.random.default_rng(seed)
    chosen: list[tuple[str, int]] = []
    for source, times in mix.items():
        if source in shelves:
            count = len(shelves[source])
            repeated = np.concatenate([shuffle.permutation(count) for _ in range(int(times) + 1)])
            chosen += [(source, int(index)) for index in repeated[: round(times * count)]]
    order = shuffle.permutation(len(chosen))
    flat = np.concatenate([shelves[chosen[i][0]].document(chosen[i][1]) for i in order])
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(flat, length + 1)[::length])
