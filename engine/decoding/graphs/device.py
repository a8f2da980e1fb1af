"""What all chains of a session share on the device: the tape, each level's memory, and the work under way."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING

import torch

from engine.config import Sampling
from engine.decoding.graphs.capture import Recorder
from engine.decoding.graphs.slots import Slots
from engine.decoding.tape import Tape
from engine.model.kernels import Board

if TYPE_CHECKING:
    from engine.decoding.graphs.chain import GraphChain


class Device:
    """One tape and one stream of work, of one chain at a time.

    ``length``: how long the device's tape is for all the host knows, -1 while it cannot know. ``under_way``: the chain
    that works ahead of the host, and the length of the tape it does so from.
    """

    def __init__(self, device: torch.device, room: int, vocabulary: int, dtype: torch.dtype) -> None:
        """``room``: the most tokens of a conversation; ``vocabulary``: how many there are; ``dtype``: of logits."""
        self.board = Board.empty(room, vocabulary, device)
        self.slots = Slots(vocabulary, device, dtype)
        self.length = -1
        self.under_way: tuple[GraphChain, int] | None = None
        self.recorder = Recorder(device)
        self._lag = inf  # the host's clock behind the device's, in seconds: the least seen in this reply

    def begin(self, tape: Tape, sampling: Sampling) -> None:
        """Make the device's tape that of a new reply."""
        self.board.apply(sampling, tape.ends, tape.limit, tape.start)
        self.board.write(tape, 0)
        self.length, self.under_way, self._lag = len(tape), None, inf

    def clock(self, ended: int) -> float:
        """Return what to add to the device's seconds for the host's, now that news of ``ended`` (ns) have come."""
        self._lag = min(self._lag, time.perf_counter() - ended / 1e9)
        return self._lag
