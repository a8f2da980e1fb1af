"""What teaching takes: seconds a step and memory, for a drafter of a target of a known shape with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from engine.bench.shapes import SHAPES, random_transformer
from engine.gpus import device_of
from engine.teaching.course import Plan
from engine.teaching.frozen import Frozen
from engine.teaching.kinds import KINDS, Kind

STEPS, WARM_UP = 100, 3
TOKENS = 10_000_000  # for which the time is told
WRITTEN, ROWS = 32, 64  # tokens of a reply, and replies at a time
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Steps:
    """One kind: ``seconds`` a step, ``batch`` tokens of it, ``peak`` bytes in all, ``learnt`` parameters."""

    kind: str
    seconds: float
    batch: int
    peak: int
    learnt: int

    def __str__(self) -> str:
        """Say it as a line of the table."""
        pace = self.batch / self.seconds
        return (
            f"{self.kind:<8}{self.learnt / 1e6:>10.0f} M{self.seconds:>10.3f}{pace:>10,.0f}"
            f"{self.peak / MIB:>10,.0f}{TOKENS / pace / 60:>9.0f} min"
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
        lines.append(f"{'':<8}{'parameters':>12}{'s a step':>10}{'tokens/s':>10}{'peak MiB':>10}{'10 M tokens':>13}")
        lines += map(str, self.steps)
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)


def measure_teaching(shape: str, say: Callable[[str], None]) -> Teaching:
    """Take STEPS steps of every kind beside a target of ``shape``, on the GPU where there is one."""
    device = device_of("auto")
    say(f"drawing {shape}")
    target = Frozen(random_transformer(SHAPES[shape], device), ends=())
    say("writing replies")
    writing = _writing(target)
    say(f"{writing:,.0f} tokens a second, {ROWS} at a time")
    found = []
    for name, kind in KINDS.items():
        found.append(_steps(name, kind, target))
        say(str(found[-1]))
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return Teaching(f"{shape} with random weights, {where}, {STEPS} steps of each kind", writing, tuple(found))


def _writing(target: Frozen) -> float:
    prompts = [[1 + row] * 32 for row in range(ROWS)]
    target.write(prompts, 1.0, 4, lambda: False)
    began = time.perf_counter()
    written = target.write(prompts, 1.0, WRITTEN, lambda: False)
    return sum(map(len, written)) / (time.perf_counter() - began)


def _steps(name: str, kind: Kind, target: Frozen) -> Steps:
    """Take the steps of one kind over random text."""
    plan, on_gpu = Plan(1.0), target.device.type == "cuda"
    vocabulary = target.shape.vocabulary
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    learner = kind.begin(target, torch.arange(min(kind.few, vocabulary)))
    tokens = torch.randint(0, vocabulary, (plan.batch // 512, 512), device=target.device)
    said = torch.ones_like(tokens).bool()
    said[:, :32] = False
    began = 0.0
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            _settled(on_gpu)
            began = time.perf_counter()
        learner.learn(target.read(tokens, said, learner.taps), step / STEPS)
    _settled(on_gpu)
    seconds = (time.perf_counter() - began) / STEPS
    peak = torch.cuda.max_memory_reserved() if on_gpu else 0
    return Steps(name, seconds, tokens.numel(), peak, learner.size)


def _settled(on_gpu: bool) -> None:
    if on_gpu:
        torch.cuda.synchronize()
