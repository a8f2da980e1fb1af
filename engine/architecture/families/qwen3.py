"""Qwen3, the dense ones: each head of queries and keys is brought to a norm of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from engine.architecture.family import Family, GgufTraits
from engine.architecture.parts import layer_parts, read_decoder, read_sizes
from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.architecture.windows import sliding_if_asked


def read(settings: Settings) -> Architecture:
    """Read a Qwen3, whose heads are 128 wide unless its file says otherwise."""
    sizes, biased = read_sizes(settings, kv_heads=32, head_dim=128), settings.flag("attention_bias")
    parts = layer_parts(sizes, qkv_bias=biased, output_bias=biased, head_norms=True)
    return read_decoder(settings, sizes, parts, sliding_if_asked(settings), context=32_768)


def from_gguf(biased: Collection[str], _window: int | None) -> Mapping[str, Any]:
    """Return the config.json of a GGUF file."""
    return {"model_type": "qwen3", "attention_bias": "attn_q" in biased}


QWEN3 = Family("qwen3", "Qwen3", read, GgufTraits(from_gguf, splitting="qwen2"))
