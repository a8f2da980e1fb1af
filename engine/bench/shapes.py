"""Models of known shapes with random weights: what a pass costs does not depend on what they say."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from engine.architecture import Architecture
from engine.library import shapes
from engine.model.block import Block
from engine.model.kernels.backend import random_weight
from engine.model.kernels.nf4 import BLOCK
from engine.model.linear import Nf4
from engine.model.streaming import Bus
from engine.model.transformer import Transformer
from engine.placement import Placement

SHAPES = {  # a head that is tied is kept once more at 4 bits, so a pass reads as much as of one of its own
    name: replace(shape, tied_head=False)
    for name, shape in {
        "llama-3.3-70b": shapes.LLAMA33_70B,
        "llama-3.1-8b": shapes.LLAMA31_8B,
        "llama-3.2-3b": shapes.LLAMA32_3B,
        "llama-3.2-1b": shapes.LLAMA32_1B,
        "qwen3-8b": shapes.QWEN3_8B,
        "qwen3-1.7b": shapes.QWEN3_17B,
        "qwen3-0.6b": shapes.QWEN3_06B,
    }.items()
}
ROWS = 1 << 13  # of an embedding drawn at a time
FAMILIES = {  # target -> qualifier, draft
    "llama-3.1-8b": ("llama-3.2-3b", "llama-3.2-1b"),
    "qwen3-8b": ("qwen3-1.7b", "qwen3-0.6b"),
}


def random_transformer(shape: Architecture, device: torch.device, placement: Placement | None = None) -> Transformer:
    """Draw a model of ``shape``, all matrices NF4, each its own memory so that no cache flatters the timing.

    ``placement``: which layers stay on the device, None for all.
    """
    ones = torch.ones(shape.width, device=device).bfloat16()
    away = placement.away if placement else ()
    bus, layers = Bus(device) if away else None, dict[int, Block]()
    for index in range(shape.layers):
        block = random_block(shape, ones)
        if bus is not None and index in away:
            bus.take(index, block)
        else:
            layers[index] = block
    on_gpu = device.type == "cuda"
    embedding = torch.empty(
        shape.vocabulary, shape.width, dtype=torch.bfloat16, device="cpu" if on_gpu else device, pin_memory=on_gpu
    )
    for rows in torch.split(embedding, ROWS):  # a large one might not fit the device whole
        rows.copy_(torch.randn(rows.shape, dtype=rows.dtype, device=device))
    head = random_nf4(shape.vocabulary, shape.width, device)
    layers |= {} if bus is None else bus.blocks()
    return Transformer(shape, embedding, [layers[at] for at in sorted(layers)], ones, head, bus)


def random_block(shape: Architecture, ones: Tensor) -> Block:
    """Draw a layer; ``ones``: its norms, [width]."""
    device, heads = ones.device, shape.heads * shape.head_dim
    norms = ones.new_ones(shape.heads + shape.kv_heads, shape.head_dim)
    return Block(
        attention_norm=ones,
        qkv=random_nf4(heads + 2 * shape.kv_heads * shape.head_dim, shape.width, device),
        head_norm=norms if shape.parts.head_norms else None,
        output=random_nf4(shape.width, heads, device),
        mlp_norm=ones,
        gate_up=random_nf4(2 * shape.mlp, shape.width, device),
        down=random_nf4(shape.width, shape.mlp, device),
        window=None,
    )


def random_nf4(rows: int, columns: int, device: torch.device) -> Nf4:
    """Draw a matrix whose products keep about the size of their input."""
    return Nf4(*random_weight(rows, columns, device), (rows, columns), BLOCK)
