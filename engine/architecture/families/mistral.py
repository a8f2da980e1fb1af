"""Mistral 7B, Nemo and Small: a Llama without biases whose layers may look back on a window. GGUF files say llama."""

from __future__ import annotations

from engine.architecture.family import Family
from engine.architecture.parts import layer_parts, read_decoder, read_sizes
from engine.architecture.settings import Settings
from engine.architecture.shape import Architecture
from engine.architecture.windows import always_sliding


def read(settings: Settings) -> Architecture:
    """Read a Mistral."""
    sizes = read_sizes(settings, kv_heads=8)
    return read_decoder(settings, sizes, layer_parts(sizes), always_sliding(settings), context=131_072)


MISTRAL = Family("mistral", "Mistral", read)
