"""What a pass through a model of a given shape costs on this GPU: time, and how far it is from the memory's floor."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from engine.model.kernels import nf4
from engine.model.kernels.attention import attend
from engine.model.kernels.backend import NF4
from engine.model.kernels.norm import rms_norm
from engine.model.kernels.plan import Tuning
from engine.model.kernels.rotation import rotate

REPLAYS = 20
EPS = 1e-5


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model whose matrices are all NF4, the head too."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocabulary: int


SHAPES = {
    "llama-3.1-8b": Shape(32, 4096, 32, 8, 128, 14336, 128256),
    "qwen3-8b": Shape(36, 4096, 32, 8, 128, 12288, 151936),
    "llama-3.2-3b": Shape(28, 3072, 24, 8, 128, 8192, 128256),
    "llama-3.2-1b": Shape(16, 2048, 32, 8, 64, 8192, 128256),
}


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A matrix of ``rows`` x ``columns`` with random codes and scales; its products keep the size of their input."""

    rows: int
    columns: int
    packed: Tensor
    absmax: Tensor
    code: Tensor

    @property
    def bytes(self) -> int:
        """Return what a product reads of it: half a byte a weight and a float32 for 64 of them."""
        return self.packed.numel() + self.absmax.numel() * 4


def drawn(rows: int, columns: int, device: torch.device) -> Weight:
    """Draw a matrix."""
    packed = torch.randint(256, (rows * columns // 2,), device=device, dtype=torch.uint8)
    absmax = torch.rand(rows * columns // nf4.BLOCK, device=device) * 4 / columns**0.5
    return Weight(rows, columns, packed, absmax, torch.tensor(NF4, device=device))


@dataclass(frozen=True, slots=True)
class Layer:
    """The four matrices of a layer."""

    qkv: Weight
    output: Weight
    gate_up: Weight
    down: Weight


@dataclass(frozen=True, slots=True)
class Model:
    """Random weights, all distinct so that no cache flatters the timing, and a cache full of random tokens."""

    shape: Shape
    layers: tuple[Layer, ...]
    head: Weight
    cache: Tensor  # [layers, 2, kv_heads, room, head_dim]
    turns: Tensor  # [2, room, head_dim]
    norm: Tensor  # [width]

    @property
    def weights(self) -> tuple[Weight, ...]:
        """The layers' matrices in the order of a pass."""
        return tuple(weight for layer in self.layers for weight in (layer.qkv, layer.output, layer.gate_up, layer.down))


def random_model(shape: Shape, room: int, device: torch.device) -> Model:
    """Return a model of ``shape`` whose cache has ``room`` positions."""
    heads = shape.heads * shape.head_dim
    joined = heads + 2 * shape.kv_heads * shape.head_dim
    made = tuple(
        Layer(
            drawn(joined, shape.width, device),
            drawn(shape.width, heads, device),
            drawn(2 * shape.mlp, shape.width, device),
            drawn(shape.width, shape.mlp, device),
        )
        for _ in range(shape.layers)
    )
    cache = torch.randn(shape.layers, 2, shape.kv_heads, room, shape.head_dim, device=device).bfloat16()
    turns = torch.randn(2, room, shape.head_dim, device=device).bfloat16()
    norm = torch.ones(shape.width, device=device).bfloat16()
    return Model(shape, made, drawn(shape.vocabulary, shape.width, device), cache, turns, norm)


def products(model: Model, tokens: int, choice: Tuning | None = None) -> Callable[[], None]:
    """Return all products of the layers, without what lies between them, for ``graph_seconds``."""
    device = model.norm.device
    inputs = {weight.columns: torch.randn(tokens, weight.columns, device=device).bfloat16() for weight in model.weights}
    residual = torch.randn(tokens, model.shape.width, device=device).bfloat16()

    def run() -> None:
        following = itertools.cycle(model.weights)
        next(following)
        for layer in model.layers:
            for weight in (layer.qkv, layer.output, layer.gate_up, layer.down):
                nf4.multiply(
                    inputs[weight.columns],
                    weight.packed,
                    weight.absmax,
                    weight.code,
                    residual=residual if weight in (layer.output, layer.down) else None,
                    gated=weight is layer.gate_up,
                    ahead=next(following).packed,
                    choice=choice,
                )

    return run


def whole_pass(model: Model, tokens: int, position: int) -> Callable[[], Tensor]:
    """Return a pass of ``tokens`` tokens from ``position`` on: layers, last norm, head; logits [M, vocabulary]."""
    hidden = torch.randn(tokens, model.shape.width, device=model.norm.device).bfloat16()
    start = torch.tensor([position], device=hidden.device, dtype=torch.int32)

    def run() -> Tensor:
        x = hidden
        after = [*(layer.qkv for layer in model.layers[1:]), model.head]
        for layer, cache, following in zip(model.layers, model.cache, after, strict=True):
            x = _layer(model, layer, x, start, cache, following)
        return _product(rms_norm(x, model.norm, EPS), model.head, after=model.layers[0].qkv)

    return run


def _layer(model: Model, layer: Layer, x: Tensor, start: Tensor, cache: Tensor, after: Weight) -> Tensor:
    (keys, values), (cosine, sine) = cache, model.turns
    qkv = _product(rms_norm(x, model.norm, EPS), layer.qkv, after=layer.output)
    query = rotate(qkv, cosine, sine, start, keys, values)
    gathered = attend(query, keys, values, start).view(len(x), -1)
    x = _product(gathered, layer.output, after=layer.gate_up, residual=x)
    gated = _product(rms_norm(x, model.norm, EPS), layer.gate_up, after=layer.down, gated=True)
    return _product(gated, layer.down, after=after, residual=x)


def _product(x: Tensor, weight: Weight, after: Weight, residual: Tensor | None = None, gated: bool = False) -> Tensor:
    return nf4.multiply(
        x, weight.packed, weight.absmax, weight.code, residual=residual, gated=gated, ahead=after.packed
    )


def graph_seconds(run: Callable[[], object], replays: int = REPLAYS) -> float:
    """Return the median time of a replay of ``run`` captured in a CUDA graph, after a warm-up."""
    run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    graph.replay()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(replays + 1)]  # type: ignore[no-untyped-call]
    marks[0].record()
    for mark in marks[1:]:
        graph.replay()
        mark.record()
    marks[-1].synchronize()
    return float(median(one.elapsed_time(two) for one, two in itertools.pairwise(marks))) / 1e3


def copy_bandwidth(device: torch.device) -> float:
    """Return bytes per second, read plus written, of a large copy on the device."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() / graph_seconds(lambda: target.copy_(source), 10)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one pass of ``tokens`` tokens: the layers' products alone, and everything with the head."""

    tokens: int
    products: float
    whole: float


def costs(model: Model, context: int, counts: Sequence[int] = (1, 2, 4, 8, 16)) -> list[Cost]:
    """Time passes of each of ``counts`` tokens behind ``context`` others."""
    return [Cost(n, graph_seconds(products(model, n)), graph_seconds(whole_pass(model, n, context))) for n in counts]
