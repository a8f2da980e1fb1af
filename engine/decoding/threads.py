"""How many threads compute a pass on a CPU: measured on the model itself, and never every core there is.

The number stays as it is for a session and is remembered between sessions: torch adds up what attention reads in
another order with another number of threads, so the same seed gives the same text only with the same number.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import torch

from engine.config import AUTOMATIC
from engine.errors import SettingError
from engine.model import Transformer
from engine.pace import Pool

LAYERS, WEIGHTS = 4, 20_000_000  # timed at most, of a large model one layer: all others are like them
PASSES = 3  # of which the fastest counts: what disturbs only ever slows
SECONDS = 0.25  # that measuring may take; those not reached by then are not tried
BUSY = 0.5  # processors taken by others meanwhile: what is measured then is not remembered
GAIN = 1.1  # times as fast as fewer threads more of them must be
CGROUP = Path("/sys/fs/cgroup")


class Threads:
    """The number of threads of one session on a CPU, and as a text why it is that.

    ``chosen``: a number, of which those beyond the cores are left out, or AUTOMATIC: as the environment says, else
    measured. Raises SettingError for what is neither.
    """

    def __init__(self, chosen: int = AUTOMATIC) -> None:
        if chosen < AUTOMATIC:
            raise SettingError(f"{chosen} threads cannot compute.", f"Choose 1 or more, or {AUTOMATIC} to measure.")
        self._cores = usable_cores()
        self._most, self._measured = most_threads(self._cores), False
        if chosen != AUTOMATIC:
            self.number, self._why = min(chosen, self._cores), "as chosen"
        elif "OMP_NUM_THREADS" in os.environ:
            self.number, self._why = torch.get_num_threads(), "as OMP_NUM_THREADS says"
        else:
            self.number, self._why = self._most, "the other is left to the window" if self._cores > 1 else ""
            self._measured = self._most > 1
        self.apply()

    def settle(self, model: Transformer, remembered: Callable[[str], Pool]) -> None:
        """Keep to what is fastest for ``model``, where that is to be measured; ``remembered`` gives a pool by name."""
        if self._measured:
            kind = "packed" if model.steps else model.dtype  # which kernels: they share their work differently
            form = f"{model.layers} layers, {model.parameters:,} weights, {kind}"
            pool = remembered(f"threads, up to {self._most} | {form}")
            self.number, self._why = choose(self._most, pool, partial(pass_seconds, model)), "the fastest measured"
        self.apply()

    def apply(self) -> None:
        """Let so many compute from now on."""
        torch.set_num_threads(self.number)

    def __str__(self) -> str:
        """Say how many and why."""
        return f"{self.number} of {self._cores} core{'s' * (self._cores != 1)}{self._why and f', {self._why}'}"


def usable_cores() -> int:
    """Return how many physical cores this process may keep busy: of its affinity, and within a container's share."""
    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return max(1, min(allowed, -(-allowed * physical // logical), int(_share(CGROUP))))


def _share(group: Path) -> float:
    """Return how many processors' time a container gives its processes, without end where it says nothing."""
    try:
        quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        return max(1.0, int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number
        return 1e9


def others_seconds() -> float:
    """Return the processor time that all other processes have taken so far."""
    whole, own = psutil.cpu_times(), psutil.Process().cpu_times()
    return float(whole.user + whole.system - own.user - own.system)


def most_threads(cores: int) -> int:
    """Return how many threads compute at most on ``cores``: one core is left to the window and everything else.

    Threads of a pass wait for each other at every product, so a busy core slows all of them: with both cores of a small
    machine in use by others, two threads decoded ten times slower than one; on an idle one they gained a quarter.
    """
    return max(1, cores - 1)


def choose(most: int, pool: Pool, seconds: Callable[[int], float], others: Callable[[], float] = others_seconds) -> int:
    """Return the number of threads up to ``most`` with which a pass is fastest, fewer where more gain little.

    ``pool``: what is remembered of earlier sessions, by number of threads; asked first, and told unless the machine was
    busy with something else. ``seconds``: those of a pass with so many threads. ``others``: see others_seconds.
    """
    known = {threads: taken[0][0] for threads, taken in pool.known.items() if threads <= most and taken}
    if most > 1 and not known:
        began, before = time.perf_counter(), others()
        numbers = {most, *(2**power for power in range(most.bit_length()))}
        for threads in sorted(numbers, reverse=True):  # should time run out, the likeliest was tried
            known[threads] = seconds(threads)
            if time.perf_counter() - began > SECONDS:
                break
        if others() - before < BUSY * (time.perf_counter() - began):
            pool.known.update({threads: [(taken, PASSES)] for threads, taken in known.items()})
    best = 1
    for threads in sorted(known):
        if known[threads] * GAIN < known.get(best, float("inf")):
            best = threads
    return best


@torch.inference_mode()
def pass_seconds(model: Transformer, threads: int) -> float:
    """Return what a pass of one token through a few layers of ``model`` takes with so many ``threads``, which stay."""
    torch.set_num_threads(threads)
    layers = range(min(max(1, WEIGHTS * model.layers // model.parameters), LAYERS, model.layers))
    hidden, cache = model.embed(torch.zeros(1, dtype=torch.long)), model.new_cache(PASSES + 1)
    model.run(hidden, layers, cache)  # warms up
    taken = []
    for _ in range(PASSES):
        began = time.perf_counter()
        model.run(hidden, layers, cache)
        taken.append(time.perf_counter() - began)
    return min(taken)
