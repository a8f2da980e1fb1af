"""What all stages of one model set share on the device: the tape, its length, and how tokens are drawn."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.config import Sampling
from engine.decoding.kernels.sources import LEVELS, MOST, MOST_ENDS

NEVER = 2**31 - 1  # in `first`: the token is not on the tape

# The words as board.cuh reads them, little-endian and without gaps.
SETTINGS = np.dtype(
    [
        ("temperature", "<f4"),
        ("top_k", "<i4"),
        ("top_p", "<f4"),
        ("min_p", "<f4"),
        ("penalty", "<f4"),
        ("limit", "<i4"),
        ("start", "<i4"),
        ("end_count", "<i4"),
        ("ends", "<i4", MOST_ENDS),
    ]
)
LIMIT = SETTINGS.fields["limit"][1] // 4  # type: ignore[index] # it has fields
STATE = np.dtype(
    [
        ("key", "<i8"),
        ("length", "<i4"),
        ("base", "<i4"),
        ("idle", "<i4"),
        ("spare", "<i4"),
        ("starts", "<i4", LEVELS),
        ("windows", "<i4", LEVELS),
        ("settings", SETTINGS),
    ]
)


@dataclass(slots=True, eq=False)
class Board:
    """The device's side of a reply.

    ``tape``: int32 [room], of which the first ``length`` (int32 [1]) tokens count. ``first``: int32 [vocabulary], where
    a token first occurs; an entry f of token v counts for the law of position p only if f < p and tape[f] is v, so
    that rolling back is setting the length. ``base``: int32 [1], the length when the round began. ``starts``: int32
    [8], the length when each level's current production began. ``windows``: int32 [8], the most tokens each level that
    guesses may propose, however many a recording draws. ``idle``: int32 [1], 1 while the bottom drafter has
    stopped early. ``settings``: int32 words laid out as SETTINGS. ``key``: int64 [1], from which the noise of all
    draws follows. All but ``tape`` and ``first`` are views of ``words``, laid out as STATE.
    """

    words: Tensor
    tape: Tensor
    first: Tensor
    length: Tensor
    base: Tensor
    idle: Tensor
    starts: Tensor
    windows: Tensor
    settings: Tensor
    key: Tensor

    @classmethod
    def empty(cls, room: int, vocabulary: int, device: torch.device) -> Board:
        """Return a board for ``room`` tokens, none written yet, that draws as Sampling() says and never ends."""
        words = torch.zeros(STATE.itemsize // 4, dtype=torch.int32, device=device)
        tape = torch.full((room,), -1, dtype=torch.int32, device=device)
        first = torch.full((vocabulary,), NEVER, dtype=torch.int32, device=device)
        parts = {name: _part(words, name) for name in STATE.names or () if name != "spare"}
        parts["key"] = parts["key"].view(torch.int64)
        board = cls(words, tape, first, **parts)
        board.windows.fill_(MOST)
        board.apply(Sampling(), frozenset(), room, 0)
        return board

    def apply(self, sampling: Sampling, ends: frozenset[int], limit: int, reply_start: int) -> None:
        """Draw as ``sampling`` says from now on, and stop as a Tape with these ends, limit and start does.

        A seed is the key; None draws one. Raises ValueError for more than 16 ends.
        """
        if len(ends) > MOST_ENDS:
            raise ValueError(f"{len(ends)} end tokens, but {MOST_ENDS} at most")
        words = np.zeros((), SETTINGS)
        words["temperature"], words["top_k"] = sampling.temperature, sampling.top_k
        words["top_p"], words["min_p"], words["penalty"] = sampling.top_p, sampling.min_p, sampling.repetition_penalty
        words["limit"], words["start"] = min(limit, len(self.tape)), reply_start
        words["end_count"], words["ends"][: len(ends)] = len(ends), sorted(ends)
        key = secrets.randbits(63) if sampling.seed is None else sampling.seed
        self._upload(torch.from_numpy(words.reshape(1).view(np.int32)), self.settings)
        self._upload(torch.tensor([key]), self.key)

    def end_at(self, limit: int) -> None:
        """Let the tape be full at ``limit`` tokens from now on."""
        self.settings[LIMIT].fill_(min(limit, len(self.tape)))

    def narrow(self, windows: Sequence[int]) -> None:
        """Let the lowest levels propose no more than so many tokens from now on; nothing waits for the device."""
        self._upload(torch.tensor(windows, dtype=torch.int32), self.windows[: len(windows)])

    def write(self, tokens: Sequence[int], at: int) -> None:
        """Make the tape end in ``tokens`` from position ``at`` on, all of it settled.

        Raises ValueError where it has no room for them, and for a token outside the vocabulary.
        """
        if at + len(tokens) > len(self.tape):
            raise ValueError(f"{at} + {len(tokens)} tokens on a tape of {len(self.tape)}")
        if tokens:
            self._place(tokens, at)
        for mark in (self.length, self.base, self.starts):
            mark.fill_(at + len(tokens))

    def _place(self, tokens: Sequence[int], at: int) -> None:
        if max(tokens) >= len(self.first):  # on a GPU it would end the process
            raise ValueError(f"token {max(tokens)} in a vocabulary of {len(self.first)}")
        positions = torch.arange(at, at + len(tokens), device=self.tape.device)
        ids = self._upload(torch.tensor(tokens), torch.empty_like(positions))
        before = self.first[ids].long()
        stands = (before < at) & (self.tape[before.clamp(max=len(self.tape) - 1)] == ids)
        self.first[ids] = torch.where(stands, before, NEVER).int()
        self.tape[positions] = ids.int()
        self.first.scatter_reduce_(0, ids, positions.int(), "amin")

    def _upload(self, values: Tensor, to: Tensor) -> Tensor:
        if to.is_cuda:
            values = values.pin_memory()  # torch keeps the pinned block until the copy is done
        return to.copy_(values, non_blocking=True)


def _part(words: Tensor, name: str) -> Tensor:
    kind, at = STATE.fields[name][:2]  # type: ignore[index]
    return words[at // 4 : (at + kind.itemsize) // 4]
