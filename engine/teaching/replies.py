"""What the target has written, kept on disk as tokens alone, and batches of it to read."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

SAID, START, HELD = 1 << 28, 1 << 29, 1 << 30  # bits above a token: of a reply; begins a document; is held out
TOKEN = SAID - 1
EVERY = 6  # one batch of so many is of documents joined
JOINED, FEW = 1280, 32  # tokens of those, and how many at most
LEAST = 8  # such batches, before one comes again


@dataclass(frozen=True, slots=True)
class Document:
    """A prompt and the reply to it, as ``tokens`` of which those from ``reply`` on are the target's."""

    tokens: tuple[int, ...]
    reply: int


class Replies:
    """The documents of one target, in a file that only grows: a process may end at any moment.

    What a killed one left of a document is a shorter reply, and as true.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.learnt: list[Document] = []
        self.held: list[Document] = []
        self._looks: list[tuple[Tensor, Tensor]] = []
        self._looked = 0  # documents that these were made of
        for document, held in _documents(_read(file)):
            self._take(document, held=held)

    @property
    def tokens(self) -> int:
        """How many tokens the target has written to learn from."""
        return sum(len(each.tokens) - each.reply for each in self.learnt)

    @property
    def written(self) -> int:
        """How many tokens it has written in all, those held out as well."""
        return self.tokens + sum(len(each.tokens) - each.reply for each in self.held)

    @property
    def prompts(self) -> int:
        """How many prompts were answered."""
        return len(self.learnt) + len(self.held)

    def add(self, documents: Sequence[Document], *, held: bool) -> None:
        """Take ``documents`` in, those ``held`` out never to be learnt from; they are on the disk when this returns."""
        codes = [_coded(document, held=held) for document in documents if len(document.tokens) > document.reply]
        if not codes:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as out:
            out.truncate(out.tell() // 4 * 4)  # behind the half of a token
            out.write(np.concatenate(codes).tobytes())
            out.flush()
            os.fsync(out.fileno())
        for document in documents:
            self._take(document, held=held)

    def _take(self, document: Document, *, held: bool) -> None:
        if len(document.tokens) > document.reply:
            (self.held if held else self.learnt).append(document)

    def commonest(self, count: int, vocabulary: int) -> Tensor:
        """Return the ``count`` tokens that replies have most, int64 in order of their numbers.

        Where replies have fewer, those of the lowest numbers besides: a vocabulary's are its most frequent.
        """
        said = np.zeros(vocabulary, dtype=np.int64)
        for document in self.learnt:
            np.add.at(said, np.array(document.tokens[document.reply :]), 1)
        chosen = np.lexsort((np.arange(vocabulary), -said))[:count]
        return torch.from_numpy(np.sort(chosen))

    def lessons(self, batch: int, chance: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
        """Give batches of about ``batch`` tokens for ever: tokens (rows, time), and where the next one is a reply's.

        The same come again in another order: what the target makes of them can be remembered. Now and then one is of
        documents joined, so that what learns has seen long texts too.
        """
        order = sorted(chance.sample(self.learnt, len(self.learnt)), key=lambda each: len(each.tokens) // 64)
        lessons = [_padded(rows) for rows in _rows(order, batch)]
        long = (
            [_joined(chance.choices(self.learnt, k=FEW)) for _ in range(max(1, batch // JOINED))]
            for _ in range(max(LEAST, len(lessons) // EVERY))
        )
        others, number = cycle([_padded(rows) for rows in long]), 0
        while True:
            for lesson in chance.sample(lessons, len(lessons)):
                number += 1
                yield lesson
                if number % EVERY == 0:
                    yield next(others)

    def looks(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Give what is held out in the same form; the same each time, if nothing was added meanwhile."""
        if len(self.held) != self._looked:
            self._looks, self._looked = list(self._made(batch)), len(self.held)
        yield from self._looks

    def _made(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        return map(_padded, _rows(self.held, batch))


def answered(asked: Sequence[Document], replies: Sequence[Sequence[int]]) -> list[Document]:
    """Return what was ``asked`` with its replies behind it."""
    return [Document((*each.tokens, *reply), len(each.tokens)) for each, reply in zip(asked, replies, strict=True)]


def batched(documents: Sequence[Document], batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Give ``documents`` in the form of lessons, those of like length together."""
    for rows in _rows(sorted(documents, key=lambda each: len(each.tokens)), batch):
        yield _padded(rows)


def _rows(documents: Sequence[Document], batch: int) -> list[list[Document]]:
    """Return ``documents`` in their order, as many at a time as make no more than ``batch`` tokens when padded."""
    found: list[list[Document]] = [[]]
    longest = 0
    for document in documents:
        longest = max(longest, len(document.tokens))
        if found[-1] and longest * (len(found[-1]) + 1) > batch:
            found.append([])
            longest = len(document.tokens)
        found[-1].append(document)
    return [each for each in found if each]


def _joined(documents: Sequence[Document]) -> Document:
    """Return documents one behind the other, up to JOINED tokens; what is said of them begins with the first reply."""
    tokens: list[int] = []
    for document in documents:
        tokens += document.tokens
        if len(tokens) >= JOINED:
            break
    return Document(tuple(tokens[:JOINED]), documents[0].reply)


def _padded(rows: Sequence[Document]) -> tuple[Tensor, Tensor]:
    """Return tokens int64 (rows, time), and where the next one is of a reply."""
    most = max(len(each.tokens) for each in rows)
    tokens = torch.stack([F.pad(torch.tensor(each.tokens), (0, most - len(each.tokens))) for each in rows])
    place = torch.arange(most)
    said = torch.stack([(place >= each.reply - 1) & (place < len(each.tokens) - 1) for each in rows])
    return tokens, said


def _coded(document: Document, *, held: bool) -> NDArray[np.int32]:
    codes = np.array(document.tokens, dtype=np.int32)
    codes[document.reply :] |= SAID
    codes[0] |= START | (HELD if held else 0)
    return codes


def _read(file: Path) -> NDArray[np.int32]:
    if not file.is_file():
        return np.zeros(0, dtype=np.int32)
    stored = file.read_bytes()
    return np.frombuffer(stored[: len(stored) // 4 * 4], dtype=np.int32)


def _documents(codes: NDArray[np.int32]) -> Iterator[tuple[Document, bool]]:
    """Give the documents and which are held out; what does not begin as one is no document."""
    starts = np.flatnonzero(codes & START)
    for part in np.split(codes, starts)[1:]:
        said = np.flatnonzero(part & SAID)
        reply = int(said[0]) if len(said) else len(part)
        yield Document(tuple((part & TOKEN).tolist()), reply), bool(part[0] & HELD)
