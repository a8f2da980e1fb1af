"""What the stages of a pass cost on this processor, for tuning our kernels; passes.py times whole passes.

OMP_NUM_THREADS=1 python -m engine.bench.stages FOLDER [tokens before]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from engine.events import finished
from engine.model import Transformer, load
from engine.model.cpu.crew import Stages, crew
from engine.model.cpu.layout import ARGUMENTS, GROUP, ITEMS, LANES
from engine.model.packed import Activations, Packed, product
from engine.model.steps import Steps

WIDTHS, REPEATS = range(1, 9), 15
GROUPS = ARGUMENTS + 7  # where a product says how many groups of columns it has


@torch.inference_mode()
def stage_costs(model: Transformer, context: int) -> dict[str, list[float]]:
    """Return for every kind of stage its milliseconds in all layers, for passes of WIDTHS behind ``context`` tokens.

    They are of the processor's time, by one thread, the least of REPEATS in turns: what others do meanwhile counts
    little. Raises ValueError for a model that does not run by our kernels.
    """
    if model.steps is None or not isinstance(model.head, Packed):
        raise ValueError("not packed")
    cache, layers = model.new_cache(context + max(WIDTHS)), range(model.layers)
    model.run(model.embed(torch.arange(context) % model.vocabulary), layers, cache)
    works: list[tuple[str, Callable[[], object]]] = []
    for tokens in WIDTHS:
        cache.settle(layers, context)
        states = model.run(model.embed(torch.arange(tokens)), layers, cache)
        works += ((name, partial(crew.run, stages, 1)) for name, stages in _by_name(model.steps))
        works.append(("head", partial(product, model.head, Activations.of(states))))
    taken = [[_milliseconds(work) for _, work in works] for _ in range(REPEATS)]
    costs: dict[str, list[float]] = {}
    for (name, _), times in zip(works, zip(*taken, strict=True), strict=True):
        costs.setdefault(name, []).append(min(times))
    return costs


def _by_name(steps: Steps) -> Iterator[tuple[str, Stages]]:
    """Yield the stages of the pass before by kind, products by their size."""
    kinds = np.array(steps.ops.kinds)
    sizes = zip(steps.stages[:, ITEMS] * LANES, steps.stages[:, GROUPS] * GROUP, strict=True)
    names = np.where(kinds == "product", [f"{rows} x {columns}" for rows, columns in sizes], kinds)
    yield from ((str(name), steps.stages[names == name]) for name in dict.fromkeys(names))


def _milliseconds(run: Callable[[], object]) -> float:
    began = time.thread_time()
    run()
    return 1e3 * (time.thread_time() - began)


if __name__ == "__main__":
    folder, before = sys.argv[1], int((*sys.argv, "1024")[2])
    found = stage_costs(finished(load(Path(folder), torch.device("cpu"), weights="stored")), before)
    found |= {"all": [sum(times) for times in zip(*found.values(), strict=True)]}
    print(f"{'ms, tokens:':<12}", *(f"{tokens:>6}" for tokens in WIDTHS))  # noqa: T201 - a table to tune by
    for name, times in found.items():
        print(f"{name:<12}", *(f"{each:6.2f}" for each in times))  # noqa: T201
