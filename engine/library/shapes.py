"""The architectures of the catalogue's models, as their config.json gives them: all sizes follow from these."""

from __future__ import annotations

from typing import Any

from engine.architecture import Architecture, architecture_of


def _shape(
    family: str, layers: int, hidden: int, mlp: int, heads: int, kv: int, vocabulary: int, context: int, **others: Any
) -> Architecture:
    """Return the architecture whose config.json says so; a head of its own unless ``others`` tie it."""
    config = {
        "model_type": family,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": mlp,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        **others,
    }
    return architecture_of(config, "the catalogue")


def _qwen3(layers: int, hidden: int, mlp: int, heads: int, tied: bool) -> Architecture:
    others = {"tie_word_embeddings": tied, "rope_theta": 1e6}
    return _shape("qwen3", layers, hidden, mlp, heads, 8, 151_936, 40_960, **others)


def _qwen25(layers: int, hidden: int, mlp: int, heads: int, kv: int, tied: bool) -> Architecture:
    vocabulary = 151_936 if tied else 152_064  # the same tokenizer; the larger models pad further
    return _shape("qwen2", layers, hidden, mlp, heads, kv, vocabulary, 32_768, tie_word_embeddings=tied)


def _llama3(layers: int, hidden: int, mlp: int, heads: int, tied: bool, context: int = 131_072) -> Architecture:
    others = {"tie_word_embeddings": tied, "rope_theta": 5e5}
    return _shape("llama", layers, hidden, mlp, heads, 8, 128_256, context, **others)


def _smollm2(layers: int, hidden: int, mlp: int, heads: int, kv: int) -> Architecture:
    return _shape("llama", layers, hidden, mlp, heads, kv, 49_152, 8_192, tie_word_embeddings=True)


QWEN3_06B, QWEN3_17B = _qwen3(28, 1024, 3072, 16, True), _qwen3(28, 2048, 6144, 16, True)
QWEN3_4B, QWEN3_8B = _qwen3(36, 2560, 9728, 32, True), _qwen3(36, 4096, 12_288, 32, False)
QWEN3_14B, QWEN3_32B = _qwen3(40, 5120, 17_408, 40, False), _qwen3(64, 5120, 25_600, 64, False)
QWEN25_05B, QWEN25_15B = _qwen25(24, 896, 4864, 14, 2, True), _qwen25(28, 1536, 8960, 12, 2, True)
QWEN25_7B = _qwen25(28, 3584, 18_944, 28, 4, False)
LLAMA32_1B, LLAMA32_3B = _llama3(16, 2048, 8192, 32, True), _llama3(28, 3072, 8192, 24, True)
LLAMA33_70B = _llama3(80, 8192, 28_672, 64, False)
LLAMA31_8B, LLAMA33_70B = _llama3(32, 4096, 14_336, 32, False), _llama3(80, 8192, 28_672, 64, False)
LLAMA3_8B = _llama3(32, 4096, 14_336, 32, False, context=8_192)
LLAMA2_7B = _shape("llama", 32, 4096, 11_008, 32, 32, 32_000, 4_096)
CODELLAMA_7B = _shape("llama", 32, 4096, 11_008, 32, 32, 32_016, 16_384)
SMOLLM2_135M, SMOLLM2_360M = _smollm2(30, 576, 1536, 9, 3), _smollm2(32, 960, 2560, 15, 5)
SMOLLM2_17B = _smollm2(24, 2048, 8192, 32, 32)
