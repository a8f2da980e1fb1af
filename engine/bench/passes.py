"""The cost c(n) of one pass of n tokens through a whole model, and the least it could be."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from torch import Tensor

from engine.bench.report import WIDTHS, PassCost
from engine.decoding.graphs.capture import Recorder
from engine.model import Transformer
from engine.model.decode import decode, logits
from engine.model.linear import Blocked, Dense, FourBit, Linear, Stacked
from engine.model.packed import Packed

REPEATS = 15


@torch.inference_mode()
def pass_cost(name: str, model: Transformer, context: int, bandwidth: float, head: Linear | None = None) -> PassCost:
    """Time passes of WIDTHS tokens behind ``context`` others: embedding left out, layers, norm and head.

    ``head``: read in place of the model's own, such as that of its frequent tokens.
    """
    room = context + max(WIDTHS)
    cache = model.new_cache(room)
    model.rotation.reach(room)
    start = torch.tensor([context], dtype=torch.int32, device=model.device)
    recorder = Recorder(model.device)
    cache.settle(range(model.layers), context)

    hidden = {n: model.embed(torch.arange(n, device=model.device)) for n in WIDTHS}

    def work(n: int) -> None:
        _discard(logits(model, decode(model, hidden[n], range(model.layers), cache, start), head))

    seconds = {n: median_seconds(recorder.record(partial(work, n)), model.device) for n in WIDTHS}
    floor = pass_bytes(model, context, head) / bandwidth if bandwidth else 0.0
    return PassCost(name, {n: 1e3 * each for n, each in seconds.items()}, 1e3 * floor)


def _discard(_: Tensor) -> None:
    """A recording keeps what it computes; nobody reads it."""


def median_seconds(run: Callable[[], object], device: torch.device) -> float:
    """Return the median time of ``run`` on ``device``, after a warm-up."""
    run()
    if device.type != "cuda":
        return median(_wall(run) for _ in range(REPEATS))
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(REPEATS + 1)]  # type: ignore[no-untyped-call]
    marks[0].record()
    for mark in marks[1:]:
        run()
        mark.record()
    marks[-1].synchronize()
    return float(median(one.elapsed_time(two) for one, two in itertools.pairwise(marks))) / 1e3


def _wall(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def copy_bandwidth(device: torch.device) -> float:
    """Return bytes per second, read plus written, of a large copy on a GPU; 0 on a CPU."""
    if device.type != "cuda":
        return 0.0
    source = torch.empty(1 << 30, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    return 2 * source.numel() / median_seconds(lambda: target.copy_(source), device)


def pass_bytes(model: Transformer, context: int, head: Linear | None = None) -> int:
    """Return what a pass of one token must read: every matrix once, and the keys and values of ``context`` tokens."""
    read = (*matrices(model), head or model.head)
    return sum(_bytes(matrix) for matrix in read) + context * model.new_cache(1).bytes


def matrices(model: Transformer) -> list[Linear]:
    """Return the matrices of all layers in the order of a pass, four a layer."""
    return [matrix for block in model.blocks for matrix in block.matrices]


def _bytes(matrix: Linear) -> int:
    if isinstance(matrix, FourBit):
        return matrix.packed.nbytes + matrix.scales.nbytes
    if isinstance(matrix, Packed):
        return matrix.blocks.numel()
    if isinstance(matrix, Stacked):
        return sum(_bytes(part) for part in matrix.parts)
    assert isinstance(matrix, Dense | Blocked)  # noqa: S101 - the other kinds of Linear
    return matrix.weight.numel() * matrix.weight.element_size()
