"""Whether a model set fits this machine, and if not, what would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.library.account import CPU, GPU, MIB, RUNTIME, Account, Architecture, account, cache_per_token
from engine.library.hardware import Hardware
from engine.library.words import size

Answer = Literal["fits", "shorter", "no"]
LEAST = 1024  # a context shorter than this is no chat
STEP = 256  # context lengths are offered in steps of this many tokens
SPARE = 256 * MIB  # left for the desktop, whose needs come and go


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a set fits: ``context`` is the longest that does (0 for none), sizes in bytes.

    ``needed`` is what the asked context takes on ``device`` (all levels and the runtime), ``free`` what is there.
    """

    answer: Answer
    device: Literal["GPU", "CPU"]
    asked: int
    context: int
    needed: int
    free: int
    levels: tuple[Account, ...]
    sentence: str


def judge(levels: Sequence[Architecture], hardware: Hardware, context: int) -> Verdict:
    """Judge whether all ``levels`` together hold ``context`` tokens in the memory that is free now."""
    gpu = hardware.gpu
    precision, runtime = (GPU, RUNTIME) if gpu else (CPU, 0)
    free = (gpu.free if gpu else hardware.ram_free) - SPARE
    total = (gpu.total if gpu else hardware.ram) - SPARE
    trained = min(level.context for level in levels)
    wanted = min(context, trained)
    accounts = tuple(account(level, wanted, precision) for level in levels)
    needed = sum(each.total for each in accounts) + runtime
    per_token = sum(cache_per_token(level, precision) for level in levels)
    longest = longest_context(needed - round(per_token * wanted), per_token, free, wanted)
    answer: Answer = "no" if longest == 0 else "fits" if longest == context else "shorter"
    device: Literal["GPU", "CPU"] = "GPU" if gpu else "CPU"
    sentence = _sentence(answer, device, needed, free, total, longest, trained < context)
    return Verdict(answer, device, context, longest, needed, max(free, 0), accounts, sentence)


def longest_context(fixed: int, per_token: float, free: int, wanted: int) -> int:
    """Return the most tokens up to ``wanted`` that fit into ``free`` bytes, 0 where not even LEAST do."""
    if fixed + round(per_token * wanted) <= free:
        return wanted
    most = int((free - fixed) / per_token) // STEP * STEP
    return most if most >= LEAST else 0


def _sentence(
    answer: Answer, device: str, needed: int, free: int, total: int, longest: int, beyond_training: bool
) -> str:
    memory = "GPU memory" if device == "GPU" else "memory"
    if answer == "fits":
        return f"Fits: needs {size(needed)} of {size(free)} free {memory}."
    if answer == "shorter" and beyond_training and needed <= free:
        return f"Fits with {longest:,} tokens of context, the most this model was trained for."
    if answer == "shorter":
        return f"Fits with {longest:,} tokens of context; the length asked for would need {size(needed)}."
    if needed <= total:
        return (
            f"Does not fit now: needs {size(needed)}, but other programs leave only {size(max(free, 0))} of "
            f"{memory} free. Close some of them."
        )
    return f"Does not fit: needs {size(needed)} of {memory}, and this machine has {size(max(total, 0))}."
