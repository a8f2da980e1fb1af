"""A student's files at 4 bits, as bitsandbytes lays them out: the layout of nf4.py, which needs bitsandbytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.teaching.rounding import BLOCK, decoded, parts_of

SHARD = 15 << 20  # bytes a file has at most
STATE = "quant_state.bitsandbytes__nf4"


def save(weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write ``weights`` to ``folder``: matrices as NF4, the rest as float32, in files of no more than SHARD bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Tensor]] = [{}]
    room = SHARD
    for name, weight in weights.items():
        parts = parts_of(name, weight) if weight.ndim == 2 else {name: weight.detach().float()}
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
