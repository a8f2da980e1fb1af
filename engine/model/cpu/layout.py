"""Says what kernels and their callers agree on: how packed weights lie in memory, and what a stage is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.architecture.form import GROUP

__all__ = [
    "ARGUMENTS",
    "CREW",
    "EIGHT",
    "FORMATS",
    "FOUR",
    "GRAIN",
    "GROUP",
    "ITEMS",
    "KERNEL",
    "LANES",
    "LEVELS",
    "NF4",
    "ONE",
    "PIECES",
    "STAGE",
    "TILE",
    "Format",
]
LANES = 8  # outputs of a block: floats of a vector
TILE = 8  # rows that share what is unpacked or widened; more would not fit sixteen registers


@dataclass(frozen=True, slots=True)
class Format:
    """A way to keep 32 weights: codes of ``bits``, and ``numbers`` of float16 that say what they mean."""

    name: str
    bits: Literal[4, 8]
    numbers: int

    @property
    def codes(self) -> int:
        """The bytes of a group's codes, for all outputs of a block."""
        return GROUP * LANES * self.bits // 8

    @property
    def stride(self) -> int:
        """The bytes of a group, for all outputs of a block."""
        return self.codes + 2 * LANES * self.numbers


FOUR = Format("4 bits", 4, 2)  # code 0 to 15, times scale, plus minimum
EIGHT = Format("8 bits", 8, 1)  # code -127 to 127, times scale
NF4 = Format("NF4", 4, 1)  # one of sixteen levels, times its block's largest weight
FORMATS = FOUR, EIGHT, NF4

# NF4's levels run from -1 to 1. Whole numbers of ten bits are .07 % of a block's largest weight away from them at most;
# with eight bits it would be .4 %, and another word become the likeliest one time in fifty instead of two hundred.
ONE = 503  # of the numbers below 512 the one with which they round best
LEVELS = (0, 153, 239, 304, 360, 410, 457, 503, 543, 584, 627, 673, 725, 786, 867, 1006)  # times ONE, plus ONE

STAGE = 20  # numbers of a stage of a pass, see engine/model/cpu/stages.py
KERNEL, ITEMS, PIECES, GRAIN, ARGUMENTS = range(5)  # places among them; arguments go to the end
CREW = 32  # numbers that threads share
