"""What all chains of a session share on the device: the tape, each level's memory, and the work under way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf

import torch

from engine.config import Sampling
from engine.decoding.graphs.capture import Recorder
from engine.decoding.graphs.slots import Slots
from engine.decoding.kernels import Board
from engine.decoding.tape import Tape


class Device:
    """One tape and one stream of work, of one chain at a time.

    The host's picture of it: a tape of some length, and the chain that works ahead of the host from there, if any.
    """

    def __init__(self, device: torch.device, room: int, vocabulary: int, dtype: torch.dtype) -> None:
        """``room``: the most tokens of a conversation; ``vocabulary``: how many there are; ``dtype``: of logits."""
        self.board = Board.empty(room, vocabulary, device)
        self.slots = Slots(vocabulary, device, dtype)
        self.recorder = Recorder(device)
        self._length = -1  # unknown
        self._ahead: object | None = None
        self._tape, self._limit = Tape([]), -1
        self._windows: list[int] = []
        self._lag = inf  # the host's clock behind the device's, in seconds: the least seen in this reply

    def begin(self, tape: Tape, sampling: Sampling) -> None:
        """Make the device's tape that of a new reply."""
        self.board.apply(sampling, tape.ends, tape.limit, tape.start)
        self.board.write(tape, 0)
        self.expects(None, tape)
        self._lag = inf
        self._tape, self._limit = tape, tape.limit

    def turn(self) -> None:
        """Let the device's tape be full where the reply's now is: a chain's models may hold less than others'."""
        if self._tape.limit != self._limit:
            self._limit = self._tape.limit
            self.board.end_at(self._limit)

    def narrow(self, windows: Sequence[int]) -> None:
        """Let the levels that guess propose no more tokens than these ``windows``, bottom first."""
        if windows != self._windows:
            self._windows = list(windows)
            self.board.narrow(self._windows)

    def expects(self, ahead: object | None, tape: Tape) -> None:
        """Note that the device's tape is ``tape``, but for what the chain ``ahead`` is doing behind its end."""
        self._ahead, self._length = ahead, len(tape)

    def is_at(self, chain: object | None, tape: Tape) -> bool:
        """Tell whether ``chain`` (None: nobody) is working ahead from the end of ``tape``."""
        return self._ahead is chain and self._length == len(tape)

    def goes_on(self, chain: object | None, tape: Tape) -> bool:
        """Tell whether ``chain`` works ahead from here already; if not, make the device's tape end where ``tape`` does.

        The host's tape may have been cut since, never changed otherwise.
        """
        if self.is_at(chain, tape):
            return chain is not None
        if not self.is_at(None, tape):
            self.board.write(tape[-1:], len(tape) - 1)
        self.expects(None, tape)
        return False

    def forget(self) -> None:
        """Count on nothing the device may be doing, nor on where its tape ends."""
        self._ahead, self._length = None, -1

    def clock(self, ended: int) -> float:
        """Return what to add to the device's seconds for the host's, now that news of ``ended`` (ns) have come."""
        self._lag = min(self._lag, time.perf_counter() - ended / 1e9)
        return self._lag
