"""Tiny random models of every family, written by transformers itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from engine.architecture.checking import Bits
from engine.architecture.form import GROUP, RECIPE
from engine.events import finished
from engine.model import Transformer, load
from engine.model.grouped import Grouped

SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.15,
}
STRETCHED = {"rope_theta": 500.0, "original_max_position_embeddings": 32, "factor": 4.0}
# Keys of other families, which a Llama made of a Mistral and the like carry about.
STRAY: dict[str, Any] = {"sliding_window": 7, "use_sliding_window": True, "layer_types": ["sliding_attention"] * 5}
BIASES: dict[str, Any] = {"attention_bias": True, "mlp_bias": True}
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**SIZES),
    "llama3": LlamaConfig(
        **SIZES,
        rope_parameters={**STRETCHED, "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    ),
    "linear": LlamaConfig(**SIZES, rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0}),
    "yarn": LlamaConfig(**SIZES, rope_parameters={**STRETCHED, "rope_type": "yarn"}),
    "yarn_beyond": Qwen2Config(**SIZES, rope_parameters={"rope_type": "yarn", "factor": 4.0, "rope_theta": 500.0}),
    "dynamic": LlamaConfig(**SIZES, rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 500.0}),
    "longrope": LlamaConfig(
        **SIZES,
        rope_parameters={
            **STRETCHED,
            "rope_type": "longrope",
            "original_max_position_embeddings": 64,
            "short_factor": [1 + pair / 8 for pair in range(8)],
            "long_factor": [8.0] * 8,
        },
    ),
    "stray_window": LlamaConfig(**SIZES, **STRAY),
    "swish": LlamaConfig(**SIZES, hidden_act="swish"),
    "biased": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    "wide_heads": LlamaConfig(**SIZES, head_dim=24),
    "qwen2": Qwen2Config(**SIZES, tie_word_embeddings=True),
    "qwen2_window": Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=7, max_window_layers=2),
    "qwen3": Qwen3Config(**SIZES, head_dim=32, tie_word_embeddings=True),
    "qwen3_biased": Qwen3Config(**SIZES, head_dim=32, attention_bias=True),
    "qwen2_layers": Qwen2Config(
        **SIZES,
        use_sliding_window=True,
        sliding_window=7,
        layer_types=["full_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    ),
    "stray_biases": MistralConfig(**SIZES, sliding_window=None, **BIASES),
    "mistral": MistralConfig(**SIZES, sliding_window=None),
    "mistral_window": MistralConfig(**SIZES, sliding_window=9),
}


def random_model(config: PretrainedConfig) -> PreTrainedModel:
    """Return transformers' model of ``config`` in which every weight, biases and norms included, is random."""
    torch.manual_seed(7)
    made = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    model: PreTrainedModel = made.eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter.uniform_(0.5, 1.5)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.3)
    return model


def loaded(folder: Path, device: str = "cpu") -> Transformer:
    """Return the model in ``folder``, its progress left aside."""
    return finished(load(folder, torch.device(device)))


def logits(model: Transformer, ids: Tensor) -> Tensor:
    """Return the logits of ``ids`` [n] run as one pass into an empty cache."""
    return model.read(model.run(model.embed(ids.to(model.device)), range(model.layers), model.new_cache()))


def change_config(folder: Path, **changes: object) -> None:
    """Replace entries of ``folder``'s config.json; None takes one out."""
    file = folder / "config.json"
    settings = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))


def write_tensors(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Make ``tensors`` all that ``folder``'s model.safetensors holds."""
    save_file(dict(tensors), folder / "model.safetensors", {"format": "pt"})


def change_tensors(folder: Path, changes: Mapping[str, Tensor | None]) -> None:
    """Replace tensors of ``folder``'s model.safetensors; None takes one out."""
    tensors = {**load_file(folder / "model.safetensors"), **changes}
    write_tensors(folder, {name: value for name, value in tensors.items() if value is not None})


def quantise(folder: Path, *, nested: bool, leave: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Store the matrices of ``folder`` but those ``leave`` names as bitsandbytes 4-bit tensors.

    Returns what each weight is worth now: bitsandbytes' own dequantisation, float32.
    """
    import bitsandbytes.functional as bnb

    stored: dict[str, Tensor] = {}
    worth: dict[str, Tensor] = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if "_proj.weight" not in name or name.endswith(leave):
            stored[name] = worth[name] = tensor
            continue
        packed, state = bnb.quantize_4bit(tensor, blocksize=64, quant_type="nf4", compress_statistics=nested)
        stored[name], worth[name] = packed, bnb.dequantize_4bit(packed, state)
        stored |= {f"{name}.{part}": value for part, value in state.as_dict(packed=True).items()}
    write_tensors(folder, stored)
    change_config(
        folder,
        quantization_config={
            "quant_method": "bitsandbytes",
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": nested,
        },
    )
    return worth


def group(
    folder: Path,
    bits: Bits,
    *,
    embedding: Bits | None = 8,
    leave: tuple[str, ...] = (),
    four: tuple[str, ...] = (),
) -> dict[str, Tensor]:
    """Store the matrices of ``folder`` but those ``leave`` names in groups of 32, the embedding at ``embedding`` bits.

    Those that ``four`` names have 4 bits all the same.

    Returns what each weight is worth now, float32.
    """
    stored: dict[str, Tensor] = {}
    worth: dict[str, Tensor] = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        width = embedding if "embed_tokens" in name else bits if "_proj" in name or "lm_head" in name else None
        if width is None or tensor.dim() != 2 or name.endswith(leave):
            stored[name] = worth[name] = tensor
            continue
        matrix = grouped(tensor.float(), 4 if four and name.endswith(four) else width)
        stored |= {name: matrix.codes, **{f"{name}.{part}": value for part, value in matrix.parts().items()}}
        worth[name] = worth_of(matrix)
    write_tensors(folder, stored)
    change_config(folder, quantization_config=RECIPE)
    return worth


def grouped(weight: Tensor, bits: Bits) -> Grouped:
    """Return float32 ``weight`` [N, K] rounded to codes, in groups of 32 between their least and their most."""
    rows, columns = weight.shape
    groups = weight.view(rows, -1, GROUP)
    if bits == 8:
        scale = (groups.abs().amax(-1) / 127).half()
        codes = (groups / scale[..., None].float()).round().clamp(-127, 127)
        return Grouped(codes.to(torch.int8).view(rows, columns), scale, None, 8, (rows, columns))
    minimum = groups.amin(-1).half()
    scale = ((groups.amax(-1) - minimum.float()) / 15).half()
    codes = ((groups - minimum[..., None].float()) / scale[..., None].float()).round().clamp(0, 15).to(torch.uint8)
    pairs = codes.view(rows, columns // 2, 2)
    return Grouped(pairs[..., 0] | pairs[..., 1] << 4, scale, minimum, 4, (rows, columns))


def worth_of(matrix: Grouped) -> Tensor:
    """Return what the weight is worth: each column with its own code, scale and minimum."""
    columns = torch.arange(matrix.shape[1])
    codes = matrix.codes.int()
    if matrix.bits == 4:
        codes = codes[:, columns // 2] >> 4 * (columns % 2) & 15
    worth = codes * matrix.scale.float()[:, columns // GROUP]
    return worth if matrix.minimum is None else worth + matrix.minimum.float()[:, columns // GROUP]
