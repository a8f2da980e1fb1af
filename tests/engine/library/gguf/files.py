"""GGUF files as llama.cpp's converter would write them of tiny random models, made with the format's own library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize, quantize
from transformers import LlamaConfig, PretrainedConfig, PreTrainedModel, Qwen2Config, Qwen3Config

from tests.engine.library.gguf.words import TINY
from tests.engine.model.tiny import random_model

SIZES: dict[str, Any] = {
    "vocab_size": 288,
    "hidden_size": 256,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.1,
}
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**SIZES),
    "tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "biased": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True),
    "wide_heads": LlamaConfig(**SIZES, head_dim=32),
    "qwen2": Qwen2Config(**SIZES, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**SIZES, head_dim=64),
}
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
Change = Callable[[GGUFWriter], None]


def traits(config: PretrainedConfig) -> dict[str, Any]:
    """Return what a file says of a model of ``config``, by the key behind its architecture's name."""
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return {
        "block_count": config.num_hidden_layers,
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "attention.key_length": head_dim,
        "attention.value_length": head_dim,
        "attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
        "rope.dimension_count": head_dim,
        "rope.freq_base": 10_000.0,
    }


def told(writer: GGUFWriter, values: Mapping[str, Any]) -> None:
    """Write ``values`` into a file's description, each in the type that it would have there."""
    for key, value in values.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)


def gguf_name(name: str) -> str:
    """Return what a tensor of the Hub's layout is called in a GGUF file."""
    stem, _, kind = name.rpartition(".")
    if stem.startswith("model.layers."):
        _, _, layer, part = stem.split(".", 3)
        return f"blk.{layer}.{NAMES[part]}.{kind}"
    return f"{NAMES[stem]}.{kind}"


def permuted(weight: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Reorder rows as llama.cpp's converter does for Llama."""
    return weight.reshape(heads, 2, len(weight) // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def restored(weight: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Undo ``permuted``."""
    return weight.reshape(heads, len(weight) // heads // 2, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def quantised(weight: np.ndarray[Any, Any], kind: Kind) -> np.ndarray[Any, Any]:
    """Return ``weight`` in blocks of ``kind``; of those the library cannot make, random ones of about its size."""
    try:
        return quantize(weight, kind)
    except NotImplementedError:
        size, bytes_ = GGML_QUANT_SIZES[kind]
        draw = np.random.default_rng(len(weight))
        raw = draw.integers(0, 256, (len(weight), weight.shape[1] // size, bytes_), np.uint8)
        for place, most in SCALES[kind].items():
            scales = (draw.uniform(0.5, 1, raw.shape[:-1]) * most).astype(np.float16)
            raw[..., place : place + 2] = scales[..., None].view(np.uint8)
        return raw.reshape(len(weight), -1)


# Where the float16 scales of such blocks lie, and how large they are for weights of about 0.1.
SCALES: dict[Kind, dict[int, float]] = {
    Kind.Q2_K: {80: 0.002, 82: 0.003},
    Kind.Q3_K: {108: 0.0008},
    Kind.Q4_K: {0: 0.0004, 2: 0.003},
    Kind.Q5_K: {0: 0.0002, 2: 0.003},
    Kind.Q6_K: {208: 0.00004},
    Kind.IQ4_NL: {0: 0.001},
    Kind.IQ4_XS: {0: 0.00003},
}


def write(
    path: Path,
    variant: str = "llama",
    kinds: Mapping[str, Kind] | Kind = Kind.F32,
    *,
    values: Mapping[str, Any] | None = None,
    architecture: str = "",
    tokenizer: Mapping[str, Any] = TINY,
    change: Change | None = None,
    big: bool = False,
) -> PreTrainedModel:
    """Write a random model as a GGUF file; returns transformers' model over what the file's weights are worth.

    ``kinds``: of all matrices, or by a part of their name in the file, "" for the rest. ``values``: said besides, or
    instead, None for what is left out. ``change``: what else is done to the file before it is written.
    """
    from gguf.constants import GGUFEndian

    config = CONFIGS[variant]
    model = random_model(config)
    named = architecture or str(config.model_type)
    writer = GGUFWriter(path, named, endianess=GGUFEndian.BIG if big else GGUFEndian.LITTLE)
    said = {f"{named}.{key}": value for key, value in traits(config).items()} | dict(tokenizer) | dict(values or {})
    told(writer, {key: value for key, value in said.items() if value is not None})
    state = dict(model.state_dict())
    if config.tie_word_embeddings:
        del state["lm_head.weight"]
    worth = {}
    for name, tensor in state.items():
        weight, known = tensor.float().numpy(), gguf_name(name)
        part = name.split(".")[-2]
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(part, 0)
        heads = heads if config.model_type == "llama" else 0
        weight = permuted(weight, heads) if heads else weight
        kind = kind_of(known, kinds) if weight.ndim > 1 else Kind.F32
        raw = quantised(np.ascontiguousarray(weight), kind)
        writer.add_tensor(known, raw, raw_dtype=kind)
        value = dequantize(raw, kind)
        worth[name] = torch.from_numpy(np.ascontiguousarray(restored(value, heads) if heads else value)).float()
    if change:
        change(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model.load_state_dict(worth, strict=False)
    return model


def kind_of(name: str, kinds: Mapping[str, Kind] | Kind) -> Kind:
    """Return the kind of the tensor ``name``."""
    if isinstance(kinds, Kind):
        return kinds
    return next((kind for part, kind in kinds.items() if part and part in name), kinds.get("", Kind.F32))


def config_in(folder: Path) -> dict[str, Any]:
    """Return a folder's config.json."""
    value: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return value
