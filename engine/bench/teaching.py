"""What teaching takes: seconds a step and memory, for a drafter of a target of a known shape with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from engine.account import CONTEXT
from engine.bench.shapes import SHAPES, random_transformer
from engine.budget import free_memory
from engine.dimensions import as_nf4
from engine.gpus import cap, device_of
from engine.teaching import room
from engine.teaching.frozen import Frozen
from engine.teaching.kinds import KINDS, Kind

STEPS, WARM_UP, BATCH = 100, 3, 4096
TOKENS = 10_000_000  # for which the time is told
WRITTEN, ROWS = 32, 64  # tokens of a reply, and replies at a time
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Steps:
    """One kind: ``seconds`` a step, ``batch`` tokens of it, ``learnt`` parameters.

    ``used``: the most bytes that were in use; ``peak``: that torch held of the device; ``reckoned``: that a course says
    it takes. ``layers``: its own, of a model; ``less``: what is to be said where these are fewer than usual.
    """

    kind: str
    seconds: float
    batch: int
    used: int
    peak: int
    learnt: int
    layers: int
    reckoned: int
    less: str = ""

    def __str__(self) -> str:
        """Say it as a line of the table."""
        pace = self.batch / self.seconds
        return (
            f"{self.kind:<10}{self.layers or '':>7}{self.learnt / 1e6:>10.0f} M{self.seconds:>10.3f}{pace:>10,.0f}"
            f"{self.used / MIB:>10,.0f}{self.peak / MIB:>10,.0f}{self.reckoned / MIB:>10,.0f}"
            f"{TOKENS / pace / 3600:>8.1f} hours"
        )


@dataclass(frozen=True, slots=True)
class Teaching:
    """What was measured; ``writing``: tokens a second of the target's own, ROWS replies at a time."""

    title: str
    writing: float
    steps: tuple[Steps, ...]

    def table(self) -> str:
        """Return the figures as text."""
        lines = [self.title, f"replies: {self.writing:,.0f} tokens a second, {ROWS} at a time", ""]
        heads = (
            f"{'':<10}{'layers':>7}{'parameters':>12}{'s a step':>10}{'tokens/s':>10}{'used MiB':>10}{'held MiB':>10}"
            f"{'reckoned':>10}"
        )
        lines.append(f"{heads}{'10 M tokens':>14}")
        lines += map(str, self.steps)
        lines += [f"{each.kind}: {each.less}" for each in self.steps if each.less]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)


def measure_teaching(shape: str, kinds: Sequence[str], batch: int, say: Callable[[str], None]) -> Teaching:
    """Take STEPS steps of every one of ``kinds`` beside a target of ``shape``, on the GPU where there is one.

    Where that is to be taken for a smaller one, no more memory can be had, and a model has the layers that fit.
    """
    device = device_of("auto")
    room.unbroken(device)
    most = cap() if device.type == "cuda" else None
    if most is not None:
        torch.cuda.set_per_process_memory_fraction((most - CONTEXT) / torch.cuda.mem_get_info(device)[1])
    say(f"drawing {shape}")
    target = Frozen(random_transformer(SHAPES[shape], device), ends=())
    say("writing replies")
    writing = _writing(target)
    say(f"{writing:,.0f} tokens a second, {ROWS} at a time")
    found = []
    for name in kinds:
        found.append(_steps(name, KINDS[name], target, batch, limited=most is not None))
        say(str(found[-1]))
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    limit = f" limited to {most / 1e9:.1f} GB" if most is not None else ""
    title = f"{shape} with random weights, {where}{limit}, {STEPS} steps of each kind, {batch:,} tokens a step"
    return Teaching(title, writing, tuple(found))


def _writing(target: Frozen) -> float:
    prompts = [[1 + row] * 32 for row in range(ROWS)]
    target.write(prompts, [1.0] * ROWS, 4, lambda: False)
    began = time.perf_counter()
    written = target.write(prompts, [1.0] * ROWS, WRITTEN, lambda: False)
    return sum(map(len, written)) / (time.perf_counter() - began)


def _steps(name: str, kind: Kind, target: Frozen, batch: int, *, limited: bool) -> Steps:
    """Take the steps of one kind over random text."""
    on_gpu, dimensions = target.device.type == "cuda", as_nf4(target.shape)
    few = torch.arange(min(kind.few, target.shape.vocabulary))
    wanted = layers = kind.layers(target.shape.layers)
    if limited:
        layers, _ = room.fitting(dimensions, kind, layers, (batch,), free_memory(target.device))
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    learner = kind.begin(target, few, **({"layers": layers} if layers else {}))
    tokens = torch.randint(0, target.shape.vocabulary, (batch // 512, 512), device=target.device)
    said = torch.ones_like(tokens).bool()
    said[:, :32] = False
    began = 0.0
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            _settled(on_gpu)
            began = time.perf_counter()
        learner.learn(target.read(tokens, said, learner.taps), step / (WARM_UP + STEPS))
    _settled(on_gpu)
    seconds = (time.perf_counter() - began) / STEPS
    used, peak = (torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()) if on_gpu else (0, 0)
    reckoned = room.needed(dimensions, kind, layers, batch)
    less = room.smaller(dimensions, kind, wanted, layers, batch)
    return Steps(name, seconds, tokens.numel(), used, peak, learner.size, layers, reckoned, less)


def _settled(on_gpu: bool) -> None:
    if on_gpu:
        torch.cuda.synchronize()
