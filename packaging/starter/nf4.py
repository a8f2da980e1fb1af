"""Four bits: weights rounded to NF4 while they still learn, and checkpoints in the Hub's bitsandbytes layout."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import tokenizer as words
import torch
from bitsandbytes import functional as bnb
from llama import CONTEXT, EPSILON, HEAD, THETA, Llama
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from engine.teaching.rounding import holding

QUANTIZATION = {
    "quant_method": "bitsandbytes",
    "load_in_4bit": True,
    "load_in_8bit": False,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": "bfloat16",
    "bnb_4bit_quant_storage": "uint8",
}


def packed(weight: Tensor) -> tuple[Tensor, Any]:
    """Return bitsandbytes' NF4 bytes and state for ``weight``: blocks of 64, their scales in 8 bits."""
    found: tuple[Tensor, Any] = bnb.quantize_4bit(
        weight.detach().bfloat16().contiguous(), blocksize=64, compress_statistics=True, quant_type="nf4"
    )
    return found


def rounded(weight: Tensor) -> Tensor:
    """Return ``weight`` as it will be after NF4: same shape, bfloat16."""
    out: Tensor = bnb.dequantize_4bit(*packed(weight))
    return out


def worn(weights: Iterable[nn.Parameter]) -> AbstractContextManager[None]:
    """Let ``weights`` hold their rounded values inside, and their own again after.

    All are rounded as one row of blocks, so the mean of the scales is the family's and not each matrix's own;
    the difference to ``export`` is in the last digit of the 8-bit scales.
    """
    owners = list(weights)
    values = rounded(torch.cat([weight.detach().view(-1, 64) for weight in owners])).to(owners[0].dtype)
    return holding(owners, list(torch.split(values.flatten(), [weight.numel() for weight in owners])))


def export(model: Llama, folder: Path, tokenizer: Tokenizer, length: int = CONTEXT) -> None:
    """Write ``model`` to ``folder`` as a complete NF4 checkpoint: linears in 4 bits, the rest in bfloat16.

    A model trained on rows of ``length`` tokens below CONTEXT is stretched to it by turning slow rotary pairs
    more slowly, as Llama 3.1 does.
    """
    words.save(tokenizer, folder, CONTEXT)
    tensors: dict[str, Tensor] = {}
    for name, weight in model.state_dict().items():
        if name.startswith("layers.") and weight.ndim == 2:
            data, state = packed(weight)
            parts = {f"model.{name}.{part}": value for part, value in state.as_dict(packed=True).items()}
            tensors |= {f"model.{name}": data, **parts}
        else:
            tensors[f"model.{name}"] = weight.detach().bfloat16()
    tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    _write(folder / "config.json", _config(model, tokenizer, length))
    ends = _ends(tokenizer)
    _write(folder / "generation_config.json", {**ends, "do_sample": True, "temperature": 0.7, "top_p": 0.95})


def restore(model: Llama, folder: Path) -> None:
    """Fill ``model`` with the weights ``export`` wrote to ``folder``."""
    stored = load_file(folder / "model.safetensors")
    weights = {}
    for name, own in model.state_dict().items():
        prefix = f"model.{name}."
        parts = {part.removeprefix(prefix): value for part, value in stored.items() if part.startswith(prefix)}
        weight = stored[f"model.{name}"].to(own.device)
        if parts:
            weight = bnb.dequantize_4bit(weight, bnb.QuantState.from_dict(parts, device=own.device))
        weights[name] = weight.to(own.dtype)
    model.load_state_dict(weights)


def _config(model: Llama, tokenizer: Tokenizer, length: int) -> dict[str, object]:
    shape = model.shape
    exits = {"early_exits": list(shape.exits)} if shape.exits else {}
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": shape.width,
        "intermediate_size": shape.mlp,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": HEAD,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT,
        "rope_theta": THETA,
        "rope_parameters": _positions(length),
        "rms_norm_eps": EPSILON,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "dtype": "bfloat16",
        **_ends(tokenizer),
        **exits,
        "quantization_config": QUANTIZATION,
    }


def _positions(length: int) -> dict[str, object]:
    if length == CONTEXT:
        return {"rope_type": "default", "rope_theta": THETA}
    # Only what turns less than twice within the trained length is stretched: near text reads as it was learnt.
    bounds = {"low_freq_factor": 1.0, "high_freq_factor": 2.0, "original_max_position_embeddings": length}
    return {"rope_type": "llama3", "rope_theta": THETA, "factor": CONTEXT / length, **bounds}


def _ends(tokenizer: Tokenizer) -> dict[str, object]:
    begin, end, pad = (tokenizer.token_to_id(token) for token in (words.BEGIN, words.END, words.PAD))
    return {"bos_token_id": begin, "eos_token_id": end, "pad_token_id": pad}


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
