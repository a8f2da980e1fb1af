"""What a stage tells the host: a few words on the device, copied once and read as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

MOST = 32  # tokens of one record
DRAFTS, VERDICT = range(2)

# The words as board.cuh writes them, little-endian and without gaps. `count`: tokens told.
LAYOUT = np.dtype(
    [
        ("kind", "<i4"),
        ("count", "<i4"),
        ("kept", "<i4"),
        ("following", "<i4"),
        ("row", "<i4"),
        ("spare", "<i4"),
        ("began", "<i8"),
        ("tokens", "<i4", MOST),
        ("probabilities", "<f4", MOST),
        ("ranks", "<i4", MOST),
        ("begins", "<i8", MOST),
        ("ends", "<i8", MOST),
    ]
)
WORDS = LAYOUT.itemsize // 4


@dataclass(frozen=True, slots=True)
class Drafts:
    """Tokens a bottom level drew, each with its probability, its rank among the level's logits (1 is the highest) and
    when its pass began and it was drawn: nanoseconds of one clock per device.
    """

    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    stamps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``proposed`` tokens were judged, the first ``kept`` stand, ``following`` (None: nothing) comes next.

    ``tokens``, ``probabilities`` and ``ranks`` by the judge: of each proposed token, then of ``following`` if there is
    one. ``began`` and ``ended``: nanoseconds of one clock per device.
    """

    proposed: int
    kept: int
    following: int | None
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    began: int
    ended: int


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A stage's memory for what it has to tell: ``words`` int32 [WORDS], laid out as LAYOUT."""

    words: Tensor

    @classmethod
    def empty(cls, device: torch.device) -> Record:
        """Return a record that tells of no tokens."""
        return cls(torch.zeros(WORDS, dtype=torch.int32, device=device))


def read(words: Tensor) -> Drafts | Verdict:
    """Read a record's ``words``, int32 [WORDS] on the host: what the stage that wrote them told last."""
    told = words.numpy().view(LAYOUT)[0]
    count = int(told["count"])
    tokens, probabilities, ranks, begins, ends = (
        tuple(told[name][:count].tolist()) for name in ("tokens", "probabilities", "ranks", "begins", "ends")
    )
    if told["kind"] == DRAFTS:
        return Drafts(tokens, probabilities, ranks, tuple(zip(begins, ends, strict=True)))
    following = None if told["following"] < 0 else int(told["following"])
    proposed = count - (following is not None)
    span = int(told["began"]), int(told["ends"][0])
    return Verdict(proposed, int(told["kept"]), following, tokens, probabilities, ranks, *span)
