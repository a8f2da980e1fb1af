"""What the CUDA sources of this folder are compiled with: the numbers that they and Python must agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.model.kernels import launch
from engine.model.kernels.compiler import Source

if TYPE_CHECKING:
    import torch

    from engine.model.kernels.launch import Kernel

ROOM = "engine.decoding.kernels"
HEADERS = ("board.cuh", "choice.cuh")  # in front of each source

LEVELS = 8  # of a hierarchy
MOST_ENDS = 16  # tokens that end a reply
MOST = 32  # tokens of one record
DRAFTS, VERDICT, LENIENT = range(3)  # kinds of record; a lenient verdict tells the judge's own choices as well
EXACT, FUZZY, LIKELY, TRUSTED = range(4)  # rules of judgement, in the order of engine.config.Rule
NO_NUMBERS = 2  # the one probability in a law whose logits were not finite
SLICES = 32  # CTAs of a row
ROW_BYTES = 24576  # of a row's scratch memory
SHAPE, FIRST, NEXT = range(3)  # every row of a pass; or the tape's next position, drafting begun or not
RING = 512  # positions whose states are kept
MOST_TAPS = 8  # rings that a drafter reads

MACROS = {name: value for name, value in globals().items() if name.isupper() and type(value) is int}


def kernel(name: str, entry: str, device: torch.device) -> Kernel:
    """Return the kernel ``entry`` of ``name``.cu, loaded on ``device``."""
    return launch.kernel(source(name), entry, device, **MACROS)


def source(name: str) -> Source:
    """Return what ``name``.cu is compiled from."""
    return Source(name, ROOM, HEADERS)
