"""NF4 in plain torch: weights rounded while they still learn, and a student's files as bitsandbytes lays them out.

The same rounding and layout as nf4.py, which needs bitsandbytes; scales are float16 numbers, as a CPU keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from worn import holding

BLOCK = 64  # weights that share a scale
SHARD = 15 << 20  # bytes a file has at most
LEVELS = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
    *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725),
    *(0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)  # bitsandbytes' table
STATE = "quant_state.bitsandbytes__nf4"


def coded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the codes uint8 and the scales float32 of ``weight``, block by block: (blocks, 64) and (blocks,)."""
    blocks = weight.detach().float().reshape(-1, BLOCK)
    scale = blocks.abs().amax(dim=1).half().float()
    levels = torch.tensor(LEVELS, device=weight.device)
    between = (levels[1:] + levels[:-1]) / 2
    codes = torch.bucketize(blocks / scale.clamp(min=1e-12)[:, None], between)
    return codes.to(torch.uint8), scale


def decoded(codes: Tensor, scale: Tensor) -> Tensor:
    """Return the weights (blocks, 64) float32 that ``codes`` and ``scale`` mean."""
    return torch.tensor(LEVELS, device=codes.device)[codes.int()] * scale[:, None]


def worn(weights: Iterable[nn.Parameter]) -> AbstractContextManager[None]:
    """Let ``weights`` hold their rounded values inside, and their own again after."""
    owners = list(weights)
    return holding(owners, [decoded(*coded(weight)) for weight in owners])


def tensors_of(name: str, weight: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Give the tensors that a file holds of the matrix ``name``."""
    codes, scale = coded(weight)
    pairs = codes.view(-1, 2)
    state = {"quant_type": "nf4", "blocksize": BLOCK, "dtype": "bfloat16", "shape": list(weight.shape)}
    yield name, (pairs[:, :1] << 4 | pairs[:, 1:])
    yield f"{name}.absmax", scale
    yield f"{name}.quant_map", torch.tensor(LEVELS)
    yield f"{name}.{STATE}", torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)


def save(weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write ``weights`` to ``folder``: matrices as NF4, the rest as float32, in files of no more than SHARD bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Tensor]] = [{}]
    room = SHARD
    for name, weight in weights.items():
        parts = dict(tensors_of(name, weight)) if weight.ndim == 2 else {name: weight.detach().float()}
        size = sum(part.nbytes for part in parts.values())
        if size > room:
            shards.append({})
            room = SHARD
        room -= size
        shards[-1] |= {key: part.cpu().contiguous() for key, part in parts.items()}
    for number, shard in enumerate(shards, 1):
        save_file(shard, folder / f"layers-{number}.safetensors", metadata={"format": "pt"})
        (folder / f"layers-{number}.safetensors").chmod(0o644)


def restore(folder: Path) -> dict[str, Tensor]:
    """Return the weights that ``save`` wrote to ``folder``, float32."""
    stored = {
        key: part for file in sorted(folder.glob("layers-*.safetensors")) for key, part in load_file(file).items()
    }
    found = {}
    for name, part in stored.items():
        if f"{name}.{STATE}" in stored:
            shape = json.loads(bytes(stored[f"{name}.{STATE}"].tolist()))["shape"]
            codes = torch.cat((part >> 4, part & 15), dim=1).view(-1, BLOCK)
            found[name] = decoded(codes, stored[f"{name}.absmax"]).view(shape)
        elif name.endswith("norm.weight"):
            found[name] = part
    return found
