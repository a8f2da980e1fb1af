"""What a stage tells the host: a few words on the device, copied once and read as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.decoding.kernels.sources import DRAFTS, LENIENT, MOST

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
        ("own", "<i4", MOST),
        ("lags", "<f4", MOST),
        ("begins", "<i8", MOST),
        ("ends", "<i8", MOST),
    ]
)
WORDS = LAYOUT.itemsize // 4
HEAD = 4  # words: kind, count, kept, following


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
    one. ``began`` and ``ended``: nanoseconds of one clock per device. ``own`` and ``lags``: of each token kept by a
    rule that may keep others than the judge's own; see hierarchy.Judged.
    """

    proposed: int
    kept: int
    following: int | None
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    began: int
    ended: int
    own: tuple[int, ...] = ()
    lags: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A stage's memory for what it has to tell: ``words`` int32 [WORDS], laid out as LAYOUT."""

    words: Tensor

    @property
    def tokens(self) -> Tensor:
        """Those it tells of, int32 [MOST]: a part of the words."""
        at = LAYOUT.fields["tokens"][1] // 4  # type: ignore[index] # it has fields
        return self.words[at : at + MOST]

    @classmethod
    def empty(cls, device: torch.device) -> Record:
        """Return a record that tells of no tokens."""
        return cls(torch.zeros(WORDS, dtype=torch.int32, device=device))


class Reading:
    """Reads one record on the host over and over: its parts are found once, as finding them takes longer than reading.

    ``words``: int32 [WORDS], which the caller copies a record into.
    """

    def __init__(self, words: Tensor) -> None:
        told = words.numpy().view(LAYOUT)
        self._head = words.numpy()[:HEAD]
        self._began = told["began"]
        self._tokens, self._probabilities, self._ranks = told["tokens"][0], told["probabilities"][0], told["ranks"][0]
        self._own, self._lags = told["own"][0], told["lags"][0]
        self._begins, self._ends = told["begins"][0], told["ends"][0]

    def read(self) -> Drafts | Verdict:
        """Return what the stage that wrote the words told last."""
        kind, count, kept, following = self._head.tolist()
        tokens = tuple(self._tokens[:count].tolist())
        given = tuple(self._probabilities[:count].tolist()), tuple(self._ranks[:count].tolist())
        if kind == DRAFTS:
            stamps = zip(self._begins[:count].tolist(), self._ends[:count].tolist(), strict=True)
            return Drafts(tokens, *given, tuple(stamps))
        proposed = count - (following >= 0)
        span = int(self._began[0]), int(self._ends[0])
        own = (tuple(self._own[:kept].tolist()), tuple(self._lags[:kept].tolist())) if kind == LENIENT else ()
        return Verdict(proposed, kept, None if following < 0 else following, tokens, *given, *span, *own)
