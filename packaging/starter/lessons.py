"""What drafters read: replies in batches, and conversations joined of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from pupils import batches
from replies import LEARN, Texts
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

EVERY = 6  # one batch of so many is of conversations


def joined(texts: Texts, which: list[tuple[int, int]], count: int, length: int) -> tuple[Tensor, Tensor]:
    """Return documents as ``count`` conversations of ``length`` tokens, and where the next one is said.

    ``which``: where each document begins among the tokens, and how many it has, see ``placed``.
    Between two documents stands what the template puts between a reply and the next question.
    """
    begin, device = texts.begin, texts.begin.device
    opening = (begin == begin[0]).nonzero()[-1, 0]
    between = begin[max(0, int(opening) - 1) :]
    found, left = [], iter(which)
    for _ in range(count):
        parts, room = [begin], length - len(begin)
        while room > 0 and (next_ := next(left, None)):
            start, size = next_
            parts += [texts.tokens[start : start + size], between]
            room -= size + len(between)
        whole = torch.cat(parts)[:length]
        found.append(F.pad(whole, (0, length - len(whole))))
    rows = torch.stack(found) if found else torch.zeros(0, length, dtype=torch.int64, device=device)
    return rows & (LEARN - 1), F.pad(rows[:, 1:] & LEARN > 0, (0, 1))


def placed(texts: Texts) -> list[tuple[int, int]]:
    """Return where every document begins, and how many tokens it has."""
    return list(zip(texts.starts.tolist(), texts.lengths.tolist(), strict=True))


def lessons(texts: Texts, batch: int, length: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Give batches of ``texts`` for ever: the epoch, tokens, and where the next one is said.

    Now and then one is of conversations of ``length`` tokens.
    """
    rows, places = max(1, batch // length), placed(texts)
    for epoch in itertools.count(1):
        for number, (which, longest) in enumerate(batches(texts, batch)):
            if number % EVERY == EVERY - 1:
                some = torch.randint(len(places), (rows * length // 100 + 1,)).tolist()
                yield epoch, *joined(texts, [places[each] for each in some], rows, length)
            yield epoch, *texts.batch(which, longest)


def looks(texts: Texts, batch: int) -> list[tuple[Tensor, Tensor]]:
    """Return the documents in their order, some at a time."""
    rows = torch.arange(len(texts.lengths), device=texts.lengths.device)
    return [texts.batch(which) for which in torch.split(rows, max(1, batch // 512))]
