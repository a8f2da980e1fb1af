"""Random adapters for early exits, in the form that Updraft keeps them, for any target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.architecture import Architecture
from engine.architecture.drafters.exits import NORM, description


def write_exits(
    folder: Path,
    target: Architecture,
    depths: tuple[int, ...],
    seed: int = 7,
    changes: Mapping[str, object] | None = None,
    norm: Tensor | None = None,
) -> dict[str, Tensor]:
    """Write adapters of ``target`` behind ``depths`` layers to ``folder``; return their tensors.

    ``changes``: of entries in config.json; None takes one out. ``norm``: of the target; with that they change little of
    what they are given, and guess as it would itself.
    """
    draw, found = torch.Generator().manual_seed(seed), dict[str, Tensor]()
    for depth in depths:
        for name, shape in {**target.parts.tensors(), NORM: (target.width,)}.items():
            found[f"exits.{depth}.{name}"] = _weight(name, shape, draw, norm)
    folder.mkdir(parents=True, exist_ok=True)
    config = {**description(target, depths), **(changes or {})}
    written = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(written), encoding="utf-8")
    save_file(found, folder / "model.safetensors", metadata={"format": "pt"})
    return found


def _weight(name: str, shape: tuple[int, ...], draw: torch.Generator, norm: Tensor | None) -> Tensor:
    if name == NORM and norm is not None:
        return norm.float()
    if "norm" in name:
        return torch.rand(shape, generator=draw) + 0.5
    adds = name.endswith(("o_proj.weight", "down_proj.weight"))
    return torch.randn(shape, generator=draw) * (1e-4 if adds and norm is not None else 0.1)
