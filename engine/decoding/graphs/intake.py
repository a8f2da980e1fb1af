"""What a drafter on the device takes in of its target: states of some layers, from taps while a prompt is read, then
from rings, a recorded pass of a few tokens at a time. Which chain is at work makes no difference to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from engine.decoding.graphs.capture import Recorder
from engine.decoding.graphs.stack import Stack
from engine.decoding.kernels import Board
from engine.decoding.sources.making import Own
from engine.decoding.trunk import Tap
from engine.model.decode import TOKENS


class Taken(Own, Protocol):
    """What remembers a conversation by states of a target."""

    def settle(self, held: int) -> None:
        """Take note that it holds ``held`` tokens, whoever put them there."""


class Intake(ABC):
    """Keeps ``own`` up to date with ``stack``, its target's, of which it reads states after each of ``depths`` layers.

    ``starts``: int32 [2] on the device; the first is where a recorded pass begins.
    """

    def __init__(self, stack: Stack, own: Taken, depths: Sequence[int]) -> None:
        self.stack, self.own, self.depths = stack, own, depths
        self.starts = torch.zeros(2, dtype=torch.int32, device=stack.model.device)
        self._taps: list[Tap] = []
        self._recorded: Callable[[], None] | None = None

    @abstractmethod
    def read(self, states: Sequence[Tensor], following: Sequence[int]) -> None:
        """Take in the next n tokens by their ``states``, of each depth [n, width], and the token ``following`` each."""

    @abstractmethod
    def work(self, board: Board, rings: Sequence[Tensor]) -> None:
        """Put on the device what takes in TOKENS tokens from ``starts`` on, over again or not, from the ``rings``."""

    def record(self, recorder: Recorder, board: Board, at: int) -> None:
        """Record a pass, once; positions ``at`` to ``at`` + TOKENS - 1 are written on."""
        if self._recorded is None:
            rings = [self.stack.ring(depth) for depth in self.depths]
            self.starts.fill_(at)
            self._recorded = recorder.record(lambda: self.work(board, rings))
            self._recorded()  # the first replay takes it to the device

    @property
    def again(self) -> int:
        """How many tokens the target has to run again before this can take in what it has missed."""
        held = self.own.held
        recalled = all(self.stack.recalls(depth, held) for depth in self.depths)
        return 0 if recalled else max(self.stack.held - held, 0)

    def open(self) -> None:
        """Get ready for what a prompt or a reply leaves: by taps, unless rings have all that is missing."""
        if not self._reaches(self.stack.held):
            self._taps = [self.stack.tap(depth, self.own.held, self.own) for depth in self.depths]

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Take in what the target, which may hold fewer than ``upto`` tokens of ``tape``, has made of them."""
        held, upto = self.own.held, min(upto, self.stack.held)
        if self._recorded is None or not self._reaches(upto):
            upto = min(upto, *(tap.stop for tap in self._taps))
            if upto > held:
                self.read([tap.states(held, upto) for tap in self._taps], tape[held + 1 : upto + 1])
        elif upto > held:
            for stop in (*range(held + TOKENS, upto, TOKENS), upto):
                self.starts.fill_(max(stop - TOKENS, 0))
                self._recorded()
        self.own.settle(max(held, upto))
        for tap in self._taps:
            tap.release(upto)

    def _reaches(self, upto: int) -> bool:
        """Tell whether the rings have all that passes for the tokens up to ``upto`` read."""
        start = max(min(self.own.held, upto - TOKENS), 0)
        return all(self.stack.recalls(depth, start) for depth in self.depths)
