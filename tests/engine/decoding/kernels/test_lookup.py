"""A lookup on the device's tape, on a CPU: what it proposes is what the search finds, told and not settled."""

from __future__ import annotations

import random

import torch

from engine import config
from engine.config import Sampling, Window
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.lookup import look_up
from engine.decoding.kernels.record import Drafts, Reading, Record
from engine.decoding.sources.lookup import Lookup
from engine.decoding.tape import Tape

CPU, ENDS = torch.device("cpu"), frozenset({3})


def test_it_proposes_what_the_eager_one_does() -> None:
    """Limits, ends and the tape's own end included; a full tape gets nothing, and what is proposed is level 0's."""
    dice, counts = random.Random(4), set[int]()
    for turn in range(200):
        length, limit = dice.randint(1, 60), dice.randint(50, 64)
        tokens = [dice.randrange(6) for _ in range(length)]
        tape, board, record = Tape(tokens, ENDS, limit), Board.empty(64, 6, CPU), Record.empty(CPU)
        tape.start = length - turn % 2  # an end of the prompt ends nothing
        board.apply(Sampling(), ENDS, limit, tape.start)
        board.write(tokens, 0)
        look_up(board, record, 3, 2, 5)
        if not tape.full:
            for _fact in Lookup(config.Lookup(3, 2), Window(5), 0).draft(tape):
                pass
        told = Reading(record.words).read()
        assert isinstance(told, Drafts)
        assert list(told.tokens) == tape[length:] == board.tape[length : int(board.length)].tolist()
        assert told.probabilities == (1.0,) * len(told.tokens)
        assert (int(board.starts[0]), int(board.base)) == (length, length)
        counts.add(len(told.tokens))
    assert counts == set(range(6))
