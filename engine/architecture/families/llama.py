"""Llama 1 to 3.3, and the many models built alike: SmolLM2, TinyLlama, Vicuna, DeepSeek's small ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from engine.architecture.family import Family, GgufTraits
from engine.architecture.parts import layer_parts, read_decoder, read_sizes
from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.architecture.windows import without_windows


def read(settings: Settings) -> Architecture:
    """Read a Llama: biases only where its file asks for them, and no windows, whatever its file says of them."""
    sizes, biased = read_sizes(settings), settings.flag("attention_bias")
    parts = layer_parts(sizes, qkv_bias=biased, output_bias=biased, mlp_bias=settings.flag("mlp_bias"))
    return read_decoder(settings, sizes, parts, without_windows(settings), context=2048)


def from_gguf(biased: Collection[str], window: int | None) -> Mapping[str, Any]:
    """Return the config.json of a file that says llama, which may hold a Mistral or a Qwen2: by windows and biases."""
    if window:
        return {"model_type": "mistral", "sliding_window": window}
    if set(biased) == {"attn_q"}:
        return {"model_type": "qwen2"}
    return {"model_type": "llama", "attention_bias": "attn_q" in biased, "mlp_bias": "ffn_down" in biased}


LLAMA = Family("llama", "Llama", read, GgufTraits(from_gguf, paired=True))
