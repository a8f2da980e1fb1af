"""Models of known shapes with random weights: what a pass costs does not depend on what they say."""

from __future__ import annotations

from dataclasses import replace

import torch

from engine.architecture import Architecture
from engine.library import shapes
from engine.model.block import Block
from engine.model.kernels.backend import random_weight
from engine.model.kernels.nf4 import BLOCK
from engine.model.linear import Nf4
from engine.model.transformer import Transformer

SHAPES = {  # a head that is tied is kept once more at 4 bits, so a pass reads as much as of one of its own
    name: replace(shape, tied_head=False)
    for name, shape in {
        "llama-3.1-8b": shapes.LLAMA31_8B,
        "llama-3.2-3b": shapes.LLAMA32_3B,
        "llama-3.2-1b": shapes.LLAMA32_1B,
        "qwen3-8b": shapes.QWEN3_8B,
        "qwen3-1.7b": shapes.QWEN3_17B,
        "qwen3-0.6b": shapes.QWEN3_06B,
    }.items()
}
FAMILIES = {  # target -> qualifier, draft
    "llama-3.1-8b": ("llama-3.2-3b", "llama-3.2-1b"),
    "qwen3-8b": ("qwen3-1.7b", "qwen3-0.6b"),
}


def random_transformer(shape: Architecture, device: torch.device) -> Transformer:
    """Draw a model of ``shape``, all matrices NF4, each its own memory so that no cache flatters the timing."""
    kv = 2 * shape.kv_heads * shape.head_dim
    heads = shape.heads * shape.head_dim
    ones = torch.ones(shape.width, device=device).bfloat16()
    norms = torch.ones(shape.heads + shape.kv_heads, shape.head_dim, device=device).bfloat16()
    layers = [
        Block(
            attention_norm=ones,
            qkv=random_nf4(heads + kv, shape.width, device),
            head_norm=norms if shape.parts.head_norms else None,
            output=random_nf4(shape.width, heads, device),
            mlp_norm=ones,
            gate_up=random_nf4(2 * shape.mlp, shape.width, device),
            down=random_nf4(shape.width, shape.mlp, device),
            window=None,
        )
        for _ in range(shape.layers)
    ]
    embedding = torch.randn(shape.vocabulary, shape.width, device=device, dtype=torch.bfloat16)
    if device.type == "cuda":
        embedding = embedding.cpu().pin_memory()
    return Transformer(shape, embedding, layers, ones, random_nf4(shape.vocabulary, shape.width, device))


def random_nf4(rows: int, columns: int, device: torch.device) -> Nf4:
    """Draw a matrix whose products keep about the size of their input."""
    return Nf4(*random_weight(rows, columns, device), (rows, columns), BLOCK)
