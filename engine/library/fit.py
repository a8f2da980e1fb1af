"""Tells whether a model set fits this machine's memory, and at what length of conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.account import MIB, Needs, longest, needs
from engine.architecture.holding import Device
from engine.bandwidth import guessed
from engine.config import TARGET, ModelSet
from engine.dimensions import Dimensions, read_dimensions
from engine.errors import UpdraftError
from engine.forecast import Forecast, forecast
from engine.gpus import Gpu
from engine.library.agreed import agreed, usual_file
from engine.library.hardware import Hardware
from engine.placement import host_of, place
from engine.words import size

Answer = Literal["fits", "shorter", "alone", "streams", "no"]
WORDS: dict[Answer, str] = {
    "fits": "Fits",
    "shorter": "Fits shorter conversations",
    "alone": "Largest model only",
    "streams": "Runs slowly",
    "no": "Does not fit",
}
_ALONE = "Only its largest model fits, with up to {:,} tokens: answers come word by word, but for what is copied."
_WITHOUT = " Its smaller models, which would guess ahead, find no room beside it."
OTHERS, BESIDES = 600 * MIB, 4096 * MIB  # of a GPU's memory and of the computer's that others have taken, usually
SPARE = 256 * MIB  # left for the desktop, whose needs come and go


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a set fits: ``context`` is the longest that does (0 for none), sizes in bytes.

    ``needed`` is what the asked context takes on ``device`` (all levels and the runtime), ``free`` what is there.
    ``forecast``: how it runs where some of its layers stay in the computer's memory; ``least``: what it takes of the
    GPU with all of them there.
    """

    answer: Answer
    device: Device
    asked: int
    context: int
    needed: int
    free: int
    sentence: str
    forecast: Forecast | None = None
    least: int = 0

    @property
    def word(self) -> str:
        """The answer in a word or two."""
        return WORDS[self.answer]

    @property
    def takes(self) -> int:
        """The bytes that have to be free: what the set needs and what is left for the desktop."""
        return self.needed + SPARE

    def holds_besides(self, more: int) -> bool:
        """Tell whether the conversation asked for fits with ``more`` bytes taken besides, as by a drafter.

        Of a model larger than the GPU those bytes have to come over the bus in its place, which pays where nothing else
        of the set guesses ahead.
        """
        if self.forecast is not None:
            return self.forecast.guessing <= self.forecast.plain and self.least + more <= self.free
        return self.answer == "fits" and self.needed + more <= self.free

    @property
    def there(self) -> int:
        """The bytes that are free, as any other program counts them."""
        return self.free + SPARE


def takes(levels: Sequence[Dimensions], context: int, device: Device) -> int:
    """Return the bytes that have to be free on ``device`` for ``context`` tokens, the desktop's share included."""
    return needs(levels, context, device).total + SPARE


def streaming(levels: Sequence[Dimensions], context: int) -> Needs:
    """Return what ``levels`` need where all layers of the target, the first of them, come over the bus: the least."""
    return needs(levels, context, "cuda", streamed=levels[0].architecture.layers)


def judge(
    levels: Sequence[Dimensions], hardware: Hardware, context: int, known: Sequence[float | None] = ()
) -> Verdict:
    """Judge whether all ``levels`` together hold ``context`` tokens in the memory that is free now.

    ``known``: how often guesses of each smaller model held before, see forecast.
    """
    gpu = hardware.gpu
    device: Device = "cuda" if gpu else "cpu"
    there, total = (gpu.free, gpu.total) if gpu else (hardware.ram_free, hardware.ram)
    free = max(0, there - SPARE)
    whole = needs(levels, context, device)
    fitting = longest(levels, device, free, context)
    if gpu and not fitting and (larger := _beyond(levels, hardware, gpu, context, free, known)):
        return larger
    answer: Answer = "no" if fitting == 0 else "fits" if fitting == context else "shorter"
    memory = "GPU memory" if gpu else "memory"
    sentence = _sentence(answer, memory, whole.total + SPARE, there, total, fitting)
    return Verdict(answer, device, context, fitting, whole.total, free, sentence)


def if_alone(models: ModelSet, hardware: Hardware, context: int) -> str:
    """Return how ``models`` run that are larger than the GPU with nothing else on it; empty for all others.

    What is in use now goes before others are loaded, so that what is free at this moment says nothing of them.
    """
    if hardware.gpu is None:
        return ""
    idle = tuple(replace(gpu, free=max(gpu.total - OTHERS, 0)) for gpu in hardware.gpus)
    roles = [TARGET, *sorted(models.smaller)]
    try:
        levels = [read_dimensions(models.models[role]) for role in roles]
    except (UpdraftError, OSError):
        return ""  # said when it is loaded
    rates = agreed(usual_file(), models)
    alone = replace(hardware, gpus=idle, ram_free=max(hardware.ram - BESIDES, 0))
    verdict = judge(levels, alone, context, [rates.get(role) for role in roles[1:]])
    return verdict.sentence if verdict.answer in ("streams", "alone", "no") else ""


def _beyond(
    levels: Sequence[Dimensions],
    hardware: Hardware,
    gpu: Gpu,
    context: int,
    free: int,
    known: Sequence[float | None],
) -> Verdict | None:
    """Judge what does not fit a GPU as a whole, as the engine decides: the target alone, or with the host's memory.

    Then beside the smaller models, or without where they leave no room on the GPU, or so little of it that the host
    cannot hold the rest. None where the GPU is too small for that, too.
    """
    if alone := longest(levels[:1], "cuda", free, context) if len(levels) > 1 else 0:
        needed = needs(levels[:1], alone, "cuda").total
        return Verdict("alone", "cuda", context, alone, needed, free, _ALONE.format(alone))
    host = host_of(hardware.ram, hardware.ram_free)
    ways = [found for way in (levels, levels[:1]) if (found := _streamed(way, context, free))]
    if not ways:
        return None
    asked, streamed = next((way for way in ways if way[0].host <= host.free), ways[0])
    if asked.host > host.free:
        sentence = (
            f"Larger than the free GPU memory: {size(asked.host)} of it would have to stay in the computer's memory, "
            f"of which {size(host.free)} can be used."
        )
        return Verdict("no", "cuda", context, 0, needs(levels, context, "cuda").total, free, sentence)
    on_cpu = needs(levels[:1], context, "cpu")
    processor = on_cpu.weights if on_cpu.total <= hardware.ram_free else 0
    said = forecast(asked, streamed, hardware.bandwidth or guessed(gpu), host, processor, known)
    crowded = needs(levels, context, "cuda").total + SPARE <= gpu.total
    help_ = " Close other programs that use the GPU, and all of it fits there." if crowded else ""
    help_ = (_WITHOUT if len(asked.levels) < len(levels) else "") + help_
    least = streaming(asked.dimensions, asked.context).total
    return Verdict("streams", "cuda", context, asked.context, asked.total, free, said.sentence + help_, said, least)


def _streamed(levels: Sequence[Dimensions], context: int, free: int) -> tuple[Needs, int] | None:
    """Return what ``levels`` need with some layers of the target over the bus, and how many; None: too much."""
    room = longest(levels, "cuda", free, context, streamed=levels[0].architecture.layers)
    placed = place(levels, room, free) if room else None
    if placed is None:
        return None
    return needs(levels, room, "cuda", streamed=placed.streamed), placed.streamed


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
