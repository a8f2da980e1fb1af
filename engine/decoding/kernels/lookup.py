"""Proposes what followed the tape's ending where that occurred before, without the host."""

from __future__ import annotations

from engine.decoding.kernels import reference
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.record import Record
from engine.decoding.kernels.sources import kernel
from engine.model.kernels.launch import launch

THREADS = 1024


def look_up(board: Board, record: Record, longest: int, shortest: int, most: int) -> None:
    """Begin level 0's production with up to ``most`` (32 at most) tokens, copied as engine.decoding.matching says.

    Nothing is proposed on a full tape, past the reply's limit, and behind a token that ends it. ``record`` gets the
    tokens, each sure, and the time.
    """
    device = board.tape.device
    if device.type != "cuda":
        reference.look_up(board, record, longest, shortest, most)
        return
    launch(
        kernel("lookup", "look_up", device),
        device,
        (1,),
        THREADS,
        0,
        state=board.words,
        tape=board.tape,
        first=board.first,
        record=record.words,
        longest=longest,
        shortest=shortest,
        most=most,
    )
