"""Whether a model set fits this machine, and if not, what would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.account import MIB, Device, longest, needs
from engine.dimensions import Dimensions
from engine.library.hardware import Hardware
from engine.words import size

Answer = Literal["fits", "shorter", "no"]
SPARE = 256 * MIB  # left for the desktop, whose needs come and go


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a set fits: ``context`` is the longest that does (0 for none), sizes in bytes.

    ``needed`` is what the asked context takes on ``device`` (all levels and the runtime), ``free`` what is there.
    """

    answer: Answer
    device: Device
    asked: int
    context: int
    needed: int
    free: int
    sentence: str


def judge(levels: Sequence[Dimensions], hardware: Hardware, context: int) -> Verdict:
    """Judge whether all ``levels`` together hold ``context`` tokens in the memory that is free now."""
    gpu = hardware.gpu
    device: Device = "cuda" if gpu else "cpu"
    free = max(0, (gpu.free if gpu else hardware.ram_free) - SPARE)
    total = max(0, (gpu.total if gpu else hardware.ram) - SPARE)
    whole = needs(levels, context, device)
    fitting = longest(levels, device, free, context)
    answer: Answer = "no" if fitting == 0 else "fits" if fitting == context else "shorter"
    memory = "GPU memory" if gpu else "memory"
    sentence = _sentence(answer, memory, whole.total, free, total, fitting)
    return Verdict(answer, device, context, fitting, whole.total, free, sentence)


def _sentence(answer: Answer, memory: str, needed: int, free: int, total: int, fitting: int) -> str:
    if answer == "fits":
        return f"Fits: needs {size(needed)} of {size(free)} free {memory}."
    if answer == "shorter" and needed <= free:
        return f"Fits with {fitting:,} tokens of context, the most this model was trained for."
    if answer == "shorter":
        return f"Fits with {fitting:,} tokens of context; the length asked for would need {size(needed)}."
    if needed <= total:
        return (
            f"Does not fit now: needs {size(needed)}, but other programs and the model in use leave only {size(free)} "
            f"of {memory} free. Close some of them."
        )
    return f"Does not fit: needs {size(needed)} of {memory}, and this machine has {size(total)}."
