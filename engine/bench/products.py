"""What the products of a model's layers cost on this GPU, for tuning; whole passes are timed by engine.bench.

python -m engine.model.kernels.bench
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from engine.model.kernels import nf4
from engine.model.kernels.backend import NF4
from engine.model.kernels.plan import Tuning

REPLAYS = 20
LLAMA_8B = (32, 4096, 6144, 14336)  # layers, width, outputs of the joined projection, mlp
TOKENS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """A matrix with random codes and scales, all distinct so that no cache flatters the timing."""

    columns: int
    packed: Tensor
    absmax: Tensor
    code: Tensor
    gated: bool = False
    adds: bool = False  # a residual


def drawn(rows: int, columns: int, device: torch.device, *, gated: bool = False, adds: bool = False) -> Weight:
    """Draw a matrix whose products keep about the size of their input."""
    packed = torch.randint(256, (rows * columns // 2,), device=device, dtype=torch.uint8)
    absmax = torch.rand(rows * columns // nf4.BLOCK, device=device) * 4 / columns**0.5
    return Weight(columns, packed, absmax, torch.tensor(NF4, device=device), gated, adds)


def layers(device: torch.device) -> list[Weight]:
    """Return the matrices of an 8B's layers in the order of a pass."""
    count, width, joined, mlp = LLAMA_8B
    return [
        weight
        for _ in range(count)
        for weight in (
            drawn(joined, width, device),
            drawn(width, width, device, adds=True),
            drawn(2 * mlp, width, device, gated=True),
            drawn(width, mlp, device, adds=True),
        )
    ]


def products(weights: list[Weight], tokens: int, choice: Tuning | None = None) -> Callable[[], None]:
    """Return all products of ``weights`` for ``tokens`` tokens, without what lies between them."""
    device, width = weights[0].packed.device, weights[0].columns
    inputs = {weight.columns: torch.randn(tokens, weight.columns, device=device).bfloat16() for weight in weights}
    residual = torch.randn(tokens, width, device=device).bfloat16()

    def run() -> None:
        for weight, following in itertools.pairwise([*weights, weights[0]]):
            nf4.multiply(
                inputs[weight.columns],
                weight.packed,
                weight.absmax,
                weight.code,
                residual=residual if weight.adds else None,
                gated=weight.gated,
                ahead=following.packed,
                choice=choice,
            )

    return run


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


if __name__ == "__main__":
    drawn_layers = layers(torch.device("cuda"))
    for count in TOKENS:
        print(f"{count:>3} tokens {1e3 * graph_seconds(products(drawn_layers, count)):.2f} ms")  # noqa: T201 - a table for who tunes
