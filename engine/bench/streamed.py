"""A target larger than the card: what its passes cost when layers come over the bus, and what methods gain then.

Random weights of a known shape, the card held to a size of one's choice, agreement planted: every copy and every kernel
runs as it would, only what is said is not the models' own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor

from engine.account import CONTEXT
from engine.bench.hierarchies import MIDDLE, Hierarchies, Method, Rates
from engine.bench.passes import median_seconds
from engine.bench.shapes import SHAPES, random_transformer
from engine.dimensions import Dimensions, as_nf4
from engine.errors import SettingError
from engine.gpus import device_of
from engine.model import Transformer
from engine.model.wide import Wide
from engine.placement import Placement, place

WIDTHS = 1, 16, 64, 128  # tokens of a timed pass
PROMPTS = 1024, 4096
SPARED = 3 << 29  # bytes for the heads of target and middle level, whose shapes no account knows


@dataclass(frozen=True, slots=True)
class Cost:
    """A pass of ``tokens``: its seconds, and those of them in which the GPU computes."""

    tokens: int
    seconds: float
    computing: float


@dataclass(slots=True)
class Streaming:
    """What was found; speeds in bytes a second."""

    title: str
    resident: int
    streamed: int
    host: int
    pinned: bool
    bare: float = 0.0
    streaming: float = 0.0
    passes: list[Cost] = field(default_factory=list)
    prompts: dict[int, float] = field(default_factory=dict)
    methods: list[Method] = field(default_factory=list)
    peak: int = 0

    def table(self) -> str:
        """Return the figures as text."""
        lines = [
            f"{self.title}: {self.resident} layers on the GPU, {self.streamed} over the bus, "
            f"{self.host / 1e9:.2f} GB{'' if self.pinned else ', not pinned'}",
            f"bus {self.streaming / 1e9:.1f} GB/s in a pass of one token, {self.bare / 1e9:.1f} in a copy alone "
            f"({self.streaming / self.bare:.1%}); most memory of the GPU {self.peak / 1e9:.2f} GB",
        ]
        one = self.passes[0].seconds
        for each in self.passes:
            idle = 1 - each.computing / each.seconds
            lines.append(
                f"a pass of {each.tokens:>4}: {1e3 * each.seconds:>8.1f} ms, {each.seconds / one:.3f} of one; "
                f"the GPU is idle for {idle:.0%}"
            )
        lines += [f"a prompt of {count:,} tokens: {seconds:.2f} s" for count, seconds in self.prompts.items()]
        lines += map(self.line, self.methods)
        return "\n".join(lines)

    def line(self, method: Method) -> str:
        """Return a method's line."""
        return (
            f"{method.name:<24} window {method.window:>3}: {1e3 * method.seconds:>8.1f} ms a round, tokens a round "
            f"{method.expected:.2f} ({method.measured:.2f} measured), {method.pace:>6.2f} tokens/s, "
            f"{method.pace / self.methods[0].pace:.2f} x plain"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured: a ``shape`` on a card of so many ``vram`` bytes, behind ``context`` tokens.

    ``layers``: of the target, if not all. ``methods``: whether replies are simulated, too.
    """

    shape: str
    vram: int
    context: int = 1024
    rates: Rates = Rates()  # noqa: RUF009 - frozen
    layers: int | None = None
    methods: bool = True


@torch.inference_mode()
def measure_streamed(asked: Asked, say: Callable[[str], None]) -> Streaming:
    """Measure it; ``say`` hears each figure. Raises SettingError for an unknown shape or one that fits whole."""
    if asked.shape not in SHAPES:
        raise SettingError(f"{asked.shape} is not a known shape.", f"Choose one of {', '.join(SHAPES)}.")
    device = device_of("cuda")
    shape = SHAPES[asked.shape] if asked.layers is None else replace(SHAPES[asked.shape], layers=asked.layers)
    room = max(asked.context, 4096) + 1024
    placed = _placed([as_nf4(shape), as_nf4(SHAPES[MIDDLE])], room, asked)
    torch.cuda.set_per_process_memory_fraction(
        (asked.vram - CONTEXT) / torch.cuda.get_device_properties(0).total_memory
    )
    say(f"drawing {asked.shape}: {placed.resident} of {shape.layers} layers stay on the GPU")
    target = random_transformer(shape, device, placed)
    assert target.bus is not None  # noqa: S101 - some are streamed
    title = f"{asked.shape}, random weights, {torch.cuda.get_device_name()} held to {asked.vram / 1e9:.0f} GB"
    found = Streaming(title, placed.resident, placed.streamed, target.bus.bytes, target.bus.pinned)
    found.bare = _bare(target)
    _passes(target, asked.context, room, found)
    found.peak = torch.cuda.max_memory_reserved() + CONTEXT
    say(found.table())
    if asked.methods:
        for method in Hierarchies(target, asked.rates, asked.context, room, found.passes[0].seconds).methods():
            found.methods.append(method)
            say(found.line(method))
    found.peak = torch.cuda.max_memory_reserved() + CONTEXT
    return found


def _placed(levels: Sequence[Dimensions], room: int, asked: Asked) -> Placement:
    found = place(levels, room, asked.vram - CONTEXT - SPARED)
    if found is None or not found.streamed:
        raise SettingError(f"{asked.shape} does not have to be streamed there.", "Name a smaller --vram.")
    return replace(found, spread=True)


def _bare(target: Transformer) -> float:
    """Return the bytes a second of copying the layers and doing nothing else."""
    assert target.bus is not None  # noqa: S101 - asked before
    hosted = [each.memory for each in target.bus.hosted]
    buffer = torch.empty_like(hosted[0], device=target.device)

    def cross() -> None:
        for memory in hosted:
            buffer.copy_(memory, non_blocking=True)

    cross()
    torch.cuda.synchronize()
    began = time.perf_counter()
    cross()
    torch.cuda.synchronize()
    return target.bus.bytes / (time.perf_counter() - began)


def _passes(target: Transformer, context: int, room: int, found: Streaming) -> None:
    """Time passes behind ``context`` tokens, and prompts."""
    wide, everything = Wide(target, room), range(target.layers)
    for tokens in WIDTHS:
        hidden = target.embed(torch.arange(tokens))
        seconds = median(_timed(partial(_pass, wide, hidden, everything, context), 4)[1:])
        layer = median_seconds(partial(_layer, wide, hidden, context), target.device)
        found.passes.append(Cost(tokens, seconds, layer * target.layers))
    found.streaming = found.host / found.passes[0].seconds
    for tokens in PROMPTS:
        hidden = target.embed(torch.arange(tokens) % target.vocabulary)
        wide.dense_to = tokens
        found.prompts[tokens] = min(_timed(partial(_pass, wide, hidden, everything, 0), 2))


def _pass(wide: Wide, hidden: Tensor, layers: range, start: int) -> None:
    wide.cache.settle(layers, start)
    wide.read(wide.run(hidden, layers, wide.cache)[-WIDTHS[-1] :])


def _layer(wide: Wide, hidden: Tensor, start: int) -> None:
    """Run the layer that came last, whose weights are there."""
    ((_, ops),) = wide.operations(start, start + len(hidden))
    wide.model.blocks[-1](hidden, ops, wide.cache.layers[-1])


def _timed(run: Callable[[], object], times: int) -> list[float]:
    """Return the seconds of each of so many runs, one behind another; what comes for the next one goes on meanwhile."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        torch.cuda.current_stream().synchronize()
        seconds.append(time.perf_counter() - began)
    return seconds
