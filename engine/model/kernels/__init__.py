"""Our own CUDA kernels: compiled at run time, checked at load, with bitsandbytes to fall back on for the products."""

from engine.model.kernels.attention import attend
from engine.model.kernels.backend import Backend, available
from engine.model.kernels.board import Board
from engine.model.kernels.judge import judge
from engine.model.kernels.laws import draw, shape_laws
from engine.model.kernels.linear import nf4_linear
from engine.model.kernels.norm import rms_norm
from engine.model.kernels.record import Record
from engine.model.kernels.rotation import rotate
from engine.model.kernels.rows import RING, keep, open_pass, recall

__all__ = [
    "RING",
    "Backend",
    "Board",
    "Record",
    "attend",
    "available",
    "draw",
    "judge",
    "keep",
    "nf4_linear",
    "open_pass",
    "recall",
    "rms_norm",
    "rotate",
    "shape_laws",
]
