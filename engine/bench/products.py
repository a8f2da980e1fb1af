"""What the products of a model's layers cost on this GPU, for tuning the kernel; passes.py times whole passes.

python -m engine.bench.products
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch

from engine.bench.passes import matrices, median_seconds
from engine.bench.shapes import SHAPES, random_transformer
from engine.decoding.graphs.capture import Recorder
from engine.model.kernels import nf4
from engine.model.kernels.plan import Tuning
from engine.model.linear import FourBit

TOKENS = (1, 2, 4, 8, 16)


def products(weights: list[FourBit], tokens: int, choice: Tuning | None = None) -> Callable[[], None]:
    """Return all products of ``weights``, in the order of a pass, for ``tokens`` tokens, and nothing between them."""
    device, columns = weights[0].packed.device, {weight.shape[1] for weight in weights}
    inputs = {width: torch.randn(tokens, width, device=device).bfloat16() for width in columns}
    residual = torch.randn(tokens, weights[0].shape[1], device=device).bfloat16()

    def run() -> None:
        for place, (weight, following) in enumerate(itertools.pairwise([*weights, weights[0]])):
            nf4.multiply(
                inputs[weight.shape[1]],
                *(weight.packed, weight.scales, weight.code),
                residual=residual if place % 2 else None,  # what attention and the MLP give is added
                gated=place % 4 == 2,
                ahead=following.packed,
                choice=choice,
            )

    return run


if __name__ == "__main__":
    gpu = torch.device("cuda")
    layers = [
        matrix for matrix in matrices(random_transformer(SHAPES["llama-3.1-8b"], gpu)) if isinstance(matrix, FourBit)
    ]
    for count in TOKENS:
        work = products(layers, count)
        milliseconds = 1e3 * median_seconds(Recorder(gpu).record(work), gpu)
        print(f"{count:>3} tokens {milliseconds:.2f} ms")  # noqa: T201 - a table to tune by
