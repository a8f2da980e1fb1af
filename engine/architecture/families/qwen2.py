"""Qwen2 and Qwen2.5: queries, keys and values have biases, nothing else has."""

from __future__ import annotations

from engine.architecture.family import Family, GgufTraits
from engine.architecture.parts import layer_parts, read_decoder, read_sizes
from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.architecture.windows import sliding_if_asked


def read(settings: Settings) -> Architecture:
    """Read a Qwen2."""
    sizes = read_sizes(settings, kv_heads=32)
    return read_decoder(settings, sizes, layer_parts(sizes, qkv_bias=True), sliding_if_asked(settings), context=32_768)


QWEN2 = Family("qwen2", "Qwen2", read, GgufTraits(lambda _biased, _window: {"model_type": "qwen2"}, splitting="qwen2"))
