"""Tells whether a model set fits this machine's memory, and at what length of conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.account import MIB, longest, needs
from engine.architecture.holding import Device
from engine.dimensions import Dimensions
from engine.library.hardware import Hardware
from engine.words import size

Answer = Literal["fits", "shorter", "no"]
WORDS: dict[Answer, str] = {"fits": "Fits", "shorter": "Fits shorter conversations", "no": "Does not fit"}
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

    @property
    def word(self) -> str:
        """The answer in a word or two."""
        return WORDS[self.answer]

    @property
    def takes(self) -> int:
        """The bytes that have to be free: what the set needs and what is left for the desktop."""
        return self.needed + SPARE

    def holds_besides(self, more: int) -> bool:
        """Tell whether the conversation asked for fits with ``more`` bytes taken besides, as by a drafter."""
        return self.answer == "fits" and self.needed + more <= self.free

    @property
    def there(self) -> int:
        """The bytes that are free, as any other program counts them."""
        return self.free + SPARE


def takes(levels: Sequence[Dimensions], context: int, device: Device) -> int:
    """Return the bytes that have to be free on ``device`` for ``context`` tokens, the desktop's share included."""
    return needs(levels, context, device).total + SPARE


def judge(levels: Sequence[Dimensions], hardware: Hardware, context: int) -> Verdict:
    """Judge whether all ``levels`` together hold ``context`` tokens in the memory that is free now."""
    gpu = hardware.gpu
    device: Device = "cuda" if gpu else "cpu"
    there, total = (gpu.free, gpu.total) if gpu else (hardware.ram_free, hardware.ram)
    free = max(0, there - SPARE)
    whole = needs(levels, context, device)
    fitting = longest(levels, device, free, context)
    answer: Answer = "no" if fitting == 0 else "fits" if fitting == context else "shorter"
    memory = "GPU memory" if gpu else "memory"
    sentence = _sentence(answer, memory, whole.total + SPARE, there, total, fitting)
    return Verdict(answer, device, context, fitting, whole.total, free, sentence)


def _sentence(answer: Answer, memory: str, needed: int, free: int, total: int, fitting: int) -> str:
    """Say it with the desktop's share counted as needed, so that free and total are what other programs show, too."""
    if answer == "fits":
        return f"Needs {size(needed)}; {size(free)} of {memory} are free."
    if answer == "shorter" and needed <= free:
        return f"Conversations of up to {fitting:,} tokens, the most this model was trained for."
    if answer == "shorter":
        return f"Conversations of up to {fitting:,} tokens; the length asked for would need {size(needed)}."
    if needed <= total:
        return (
            f"Needs {size(needed)}, but other programs and the model in use leave only {size(free)} of {memory} free. "
            f"Close some of them."
        )
    return f"Needs {size(needed)} of {memory}, and this machine has {size(total)}."
