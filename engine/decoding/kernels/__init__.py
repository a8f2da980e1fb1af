"""The kernels that decode: a pass's first rows, draws, verdicts and the tape they write on, without the host."""

from engine.decoding.kernels.block import doubt, lean, open_block
from engine.decoding.kernels.board import Board
from engine.decoding.kernels.judge import judge
from engine.decoding.kernels.laws import Laws, draw, shape_laws
from engine.decoding.kernels.lookup import look_up
from engine.decoding.kernels.record import Record
from engine.decoding.kernels.rows import keep, open_pass, open_rows, recall
from engine.decoding.kernels.sources import RING

__all__ = [
    "RING",
    "Board",
    "Laws",
    "Record",
    "doubt",
    "draw",
    "judge",
    "keep",
    "lean",
    "look_up",
    "open_block",
    "open_pass",
    "open_rows",
    "recall",
    "shape_laws",
]
