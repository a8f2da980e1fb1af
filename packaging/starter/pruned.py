"""The starter's target as a plain model, and students that begin as some of its layers.

Reads what engine/model/grouped.py describes by itself: a machine that only trains has torch, and not the engine's
libraries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from llama import EPSILON, HEAD, Llama, Shape
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

GROUP = 32  # weights that share a scale


def dequantised(stored: Mapping[str, Tensor], name: str) -> Tensor:
    """Return the tensor ``name`` of a converted checkpoint as float32, whichever of its forms it is kept in."""
    weight, scale = stored[name], stored.get(f"{name}.group_scale")
    if scale is None:
        return weight.float()
    if weight.dtype == torch.uint8:  # two codes to a byte, the earlier one in the low nibble
        weight = torch.stack((weight & 15, weight >> 4), dim=-1).flatten(1)
    groups = weight.view(*scale.shape, GROUP).float() * scale.float()[..., None]
    minimum = stored.get(f"{name}.group_min")
    return (groups if minimum is None else groups + minimum.float()[..., None]).view(weight.shape)


def read_target(folder: Path, device: torch.device) -> Llama:
    """Return the model in ``folder``, frozen: bfloat16 on a GPU, float32 on a CPU."""
    settings: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if (settings["head_dim"], settings["rms_norm_eps"]) != (HEAD, EPSILON):
        raise SystemExit(f"{folder} has heads or norms of another kind than the starter's.")
    stored = {name: each for file in folder.glob("*.safetensors") for name, each in load_file(file).items()}
    shape = Shape(
        settings["num_hidden_layers"],
        settings["hidden_size"],
        settings["num_attention_heads"],
        settings["num_key_value_heads"],
        settings["intermediate_size"],
    )
    with torch.device(device):
        model = Llama(shape, settings["vocab_size"], settings["rope_parameters"]["rope_theta"])
    placed = {key: value.to(device) for key, value in stored.items()}
    fill(model, {f"model.{name}": dequantised(placed, f"model.{name}") for name, _ in model.named_parameters()})
    model.requires_grad_(requires_grad=False)
    if device.type == "cuda":
        turns = model.cos, model.sin  # angles stay as exact as they are
        model.bfloat16()
        model.cos, model.sin = turns
    return model


@torch.no_grad()
def fill(model: Llama, weights: Mapping[str, Tensor]) -> None:
    """Set every parameter of ``model`` to its weight, by its name in a checkpoint."""
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[f"model.{name}"])


def pruned(target: Llama, kept: Iterable[int]) -> Llama:
    """Return a student made of the layers ``kept`` of ``target``, in float32; its embedding stays the target's."""
    places, shape = tuple(kept), target.shape
    with torch.device(target.embed_tokens.weight.device):
        student = Llama(Shape(len(places), shape.width, shape.heads, shape.kv_heads, shape.mlp), vocabulary=1)
    for layer, place in zip(student.layers, places, strict=True):
        layer.load_state_dict(target.layers[place].state_dict())
    student.norm.load_state_dict(target.norm.state_dict())
    table = target.embed_tokens.weight.float()
    student.embed_tokens = nn.Embedding(table.shape[0], table.shape[1], _weight=table, _freeze=True)
    student.cos, student.sin = target.cos, target.sin
    return student


def normed(model: Llama, hidden: Tensor) -> Tensor:
    """Return the last hidden states (n, width) of ``model`` as its head reads them."""
    scale = model.norm.weight
    return F.rms_norm(hidden.to(scale.dtype), scale.shape, scale, EPSILON)
