"""Each level's memory on the device, whichever preset uses it, and the way its news come to the host."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.account import ROWS
from engine.decoding.kernels import Laws
from engine.decoding.kernels.record import WORDS, Drafts, Reading, Record, Verdict
from engine.decoding.kernels.sources import LEVELS, NO_NUMBERS
from engine.errors import NoNumbers

TURNS = 2  # copies under way at a time


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One level's memory: ``laws`` of ROWS positions.

    ``start``: int32 [1], the first position of its pass; ``record``: what it has to tell.
    """

    laws: Laws
    start: Tensor
    record: Record


class Slots:
    """The slots of all levels; their records lie side by side, so that one copy brings the news of all."""

    def __init__(self, vocabulary: int, device: torch.device, dtype: torch.dtype) -> None:
        """``dtype``: of the models' logits."""
        self._vocabulary, self._device, self._dtype = vocabulary, device, dtype
        self._records = torch.zeros(LEVELS, WORDS, dtype=torch.int32, device=device)
        pinned = device.type == "cuda"
        self._sent = [torch.zeros(LEVELS, WORDS, dtype=torch.int32, pin_memory=pinned) for _ in range(TURNS)]
        self._readings = [[Reading(words) for words in sent] for sent in self._sent]
        self._turn = 0
        self._heard = self._readings[0]
        self._arrived = [torch.cuda.Event() for _ in range(TURNS)] if pinned else []  # type: ignore[no-untyped-call]
        self._slots: dict[int, Slot] = {}

    def __getitem__(self, level: int) -> Slot:
        """Return the slot of ``level``, made when first asked for."""
        if level not in self._slots:
            laws = Laws.empty(ROWS, self._vocabulary, self._device, self._dtype)
            start = torch.zeros(1, dtype=torch.int32, device=self._device)
            self._slots[level] = Slot(laws, start, Record(self._records[level]))
        return self._slots[level]

    @property
    def vocabulary(self) -> int:
        """How many tokens there are to choose from."""
        return self._vocabulary

    def send(self) -> int:
        """Put the copying of all records behind the work under way; return what to wait for."""
        self._turn = (self._turn + 1) % TURNS
        self._sent[self._turn].copy_(self._records, non_blocking=True)
        if self._arrived:
            self._arrived[self._turn].record()
        return self._turn

    def wait(self, turn: int) -> None:
        """Wait until what was sent in ``turn`` has arrived; only the last two are kept."""
        if self._arrived:
            self._arrived[turn].synchronize()
        self._heard = self._readings[turn]

    def heard(self, level: int) -> Drafts | Verdict:
        """Return what ``level`` told in the copy that was waited for; raises NoNumbers for logits not finite."""
        told = self._heard[level].read()
        if NO_NUMBERS in told.probabilities:
            raise NoNumbers
        return told
