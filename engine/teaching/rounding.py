"""NF4 in plain torch, for weights that still learn: they hold their rounded values for the length of a step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from engine.teaching.pieces import pieces

BLOCK = 64  # weights that share a scale
LEVELS = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
    *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725),
    *(0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)  # bitsandbytes' table


def coded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the codes uint8 and the scales float32 of ``weight``, block by block: (blocks, 64) and (blocks,).

    Scales are float16 numbers, as a CPU keeps them.
    """
    found = [_coded(blocks) for (blocks,) in pieces(weight.detach().reshape(-1, BLOCK))]
    codes, scales = zip(*found, strict=True)
    return torch.cat(codes), torch.cat(scales)


def _coded(blocks: Tensor) -> tuple[Tensor, Tensor]:
    blocks = blocks.float()
    scale = blocks.abs().amax(dim=1).half().float()
    levels = torch.tensor(LEVELS, device=blocks.device)
    between = (levels[1:] + levels[:-1]) / 2
    codes = torch.bucketize(blocks / scale.clamp(min=1e-12)[:, None], between, out_int32=True)
    return codes.to(torch.uint8), scale


def decoded(codes: Tensor, scale: Tensor) -> Tensor:
    """Return the weights (blocks, 64) float32 that ``codes`` and ``scale`` mean."""
    return torch.tensor(LEVELS, device=codes.device)[codes.int()] * scale[:, None]


def parts_of(name: str, weight: Tensor) -> dict[str, Tensor]:
    """Return the tensors that a file holds of the matrix ``name`` at 4 bits, as bitsandbytes lays them out."""
    codes, scale = coded(weight)
    pairs = codes.view(-1, 2)
    state = {"quant_type": "nf4", "blocksize": BLOCK, "dtype": "bfloat16", "shape": list(weight.shape)}
    return {
        name: pairs[:, :1] << 4 | pairs[:, 1:],
        f"{name}.absmax": scale,
        f"{name}.quant_map": torch.tensor(LEVELS),
        f"{name}.quant_state.bitsandbytes__nf4": torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8),
    }


@contextmanager
def rounded(weights: Iterable[nn.Parameter]) -> Iterator[None]:
    """Let ``weights`` hold their NF4 values inside, and their own again after: a straight-through estimate.

    Weights that do not fill blocks, which no reader rounds, stay as they are. Those in 16 bits are there because memory
    is short: their own values wait in the host's.
    """
    owners = [weight for weight in weights if weight.numel() % BLOCK == 0]
    masters = [
        weight.detach().to("cpu" if weight.dtype == torch.bfloat16 else weight.device, copy=True) for weight in owners
    ]
    _round(owners)
    try:
        yield
    finally:
        _fill(owners, masters)


@torch.no_grad()
def _round(weights: Iterable[nn.Parameter]) -> None:
    for weight in weights:
        for (blocks,) in pieces(weight.view(-1, BLOCK)):
            blocks.copy_(decoded(*_coded(blocks)))


@torch.no_grad()
def _fill(weights: Iterable[nn.Parameter], masters: Iterable[Tensor]) -> None:
    for weight, master in zip(weights, masters, strict=True):
        weight.copy_(master)
