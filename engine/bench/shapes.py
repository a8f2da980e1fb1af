"""Models of known shapes with random weights: what a pass costs does not depend on what they say."""

from __future__ import annotations

import torch

from engine.architecture import Architecture, architecture_of
from engine.model.block import Block
from engine.model.kernels.backend import random_weight
from engine.model.kernels.nf4 import BLOCK
from engine.model.linear import Nf4
from engine.model.transformer import Transformer


def _shape(
    family: str, theta: float, layers: int, width: int, heads: int, mlp: int, vocabulary: int, head_dim: int = 128
) -> Architecture:
    config = {
        "model_type": family,
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": 8,
        "head_dim": head_dim,
        "intermediate_size": mlp,
        "vocab_size": vocabulary,
        "max_position_embeddings": 32_768,
        "rms_norm_eps": 1e-5,
        "rope_theta": theta,
        "tie_word_embeddings": False,  # a head that is tied is kept once more at 4 bits, so a pass reads as much
    }
    return architecture_of(config, family)


SHAPES = {
    "llama-3.1-8b": _shape("llama", 5e5, 32, 4096, 32, 14336, 128256),
    "llama-3.2-3b": _shape("llama", 5e5, 28, 3072, 24, 8192, 128256),
    "llama-3.2-1b": _shape("llama", 5e5, 16, 2048, 32, 8192, 128256, 64),
    "qwen3-8b": _shape("qwen3", 1e6, 36, 4096, 32, 12288, 151936),
    "qwen3-1.7b": _shape("qwen3", 1e6, 28, 2048, 16, 6144, 151936),
    "qwen3-0.6b": _shape("qwen3", 1e6, 28, 1024, 16, 3072, 151936),
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
