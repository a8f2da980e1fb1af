"""The config.json and generation_config.json that a GGUF file's description amounts to."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.architecture import FAMILIES
from engine.library.gguf.reading import Gguf

EMBEDDING, ROTATION = "token_embd.weight", "rope_freqs.weight"
ENDS = {  # control tokens that end a turn or a text, whether or not the file names them so
    *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>", "<|EOT|>"),
}
# What changes the arithmetic and has no place in a config.json of ours, with the value that changes nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "expert_count": (0,),
    "attention.scale": (0.0,),
    "attention.clamp_kqv": (0.0,),
    "attention.causal": (True,),
    "logit_scale": (0.0, 1.0),
    "embedding_scale": (0.0, 1.0),
    "residual_scale": (0.0, 1.0),
    "attn_logit_softcapping": (0.0,),
    "final_logit_softcapping": (0.0,),
    "attention.temperature_scale": (0.0, 1.0),
    "rope.scaling.attn_factor": (0.0, 1.0),
    "rope.scaling.yarn_log_multiplier": (0.0,),
    "rope.scaling.yarn_ext_factor": (1.0, -1.0),
}
SUGGESTED = {
    "temperature": "temp",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition_penalty": "penalty_repeat",
}


def config_of(gguf: Gguf) -> dict[str, Any]:
    """Return the file's description in the Hub's words; raises LibraryError for what they cannot express."""
    for key, harmless in NEUTRAL.items():
        value = gguf.trait(key)
        if value is not None and value not in harmless:
            raise gguf.refused(f"asks for {key} = {value!r:.40}, which Updraft does not have")
    heads = _one(gguf, "attention.head_count")
    width = _one(gguf, "embedding_length")
    head_dim = gguf.trait("attention.key_length") or (width // heads if heads else 0)
    if gguf.trait("attention.value_length") not in (None, head_dim):
        raise gguf.refused("has keys and values of different widths, which Updraft does not have")
    if gguf.trait("rope.dimension_count") not in (None, head_dim):
        raise gguf.refused("turns only a part of each head, and Updraft turns whole heads")
    config: dict[str, Any] = {
        **_family(gguf),
        "hidden_size": width,
        "intermediate_size": _one(gguf, "feed_forward_length"),
        "num_hidden_layers": _one(gguf, "block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": _one(gguf, "attention.head_count_kv", heads),
        "head_dim": head_dim,
        "vocab_size": int(gguf.tensors[EMBEDDING].shape[-1]) if EMBEDDING in gguf.tensors else 0,
        "max_position_embeddings": _one(gguf, "context_length"),
        "rms_norm_eps": _number(gguf, "attention.layer_norm_rms_epsilon", 1e-6),
        "hidden_act": "silu",
        "tie_word_embeddings": "output.weight" not in gguf.tensors,
    }
    config["rope_parameters"] = _rope(gguf, config["max_position_embeddings"])
    return config


def _one(gguf: Gguf, key: str, default: int | None = None) -> int:
    """Return a number that is the same for all layers."""
    value = gguf.trait(key)
    if isinstance(value, list):
        if len(set(value)) != 1:
            raise gguf.refused(f"has layers that differ in {key}, and Updraft has layers of one kind")
        value = value[0]
    value = default if value is None else value
    if type(value) is not int:
        raise gguf.damaged(f"it does not say {gguf.family}.{key}")
    return value


def _number(gguf: Gguf, key: str, default: float) -> float:
    """Return a float32 of the file as it was written: 1e-05, not 9.99999975e-06."""
    value = gguf.trait(key)
    return float(str(np.float32(value))) if value else default


def _family(gguf: Gguf) -> dict[str, Any]:
    """Return the family and the entries that only its file knows."""
    biased = {part for part in ("attn_q", "attn_output", "ffn_down") if f"blk.0.{part}.bias" in gguf.tensors}
    entries = gguf.traits.config(biased, gguf.trait("attention.sliding_window"))
    return {"architectures": [f"{FAMILIES[entries['model_type']].class_name}ForCausalLM"], **entries}


def _rope(gguf: Gguf, context: int) -> dict[str, Any]:
    """Return how positions are turned.

    Llama 3.1's scaling is a list of numbers in the file, one for each pair, that its angles are divided by. longrope
    is the kind that takes such a list as it is; with one list for short and long texts it scales nothing else.
    """
    theta = _number(gguf, "rope.freq_base", 10_000.0)
    kind = gguf.trait("rope.scaling.type") or ("linear" if gguf.trait("rope.scale_linear") else "none")
    factor = gguf.trait("rope.scaling.factor") or gguf.trait("rope.scale_linear") or 1.0
    if ROTATION in gguf.tensors:
        if kind not in ("none", "llama3"):
            raise gguf.refused(f"scales its positions twice, by a list and by “{kind:.20}”")
        listed = [float(each) for each in np.asarray(gguf.tensors[ROTATION].data, np.float32)]
        lists = {"short_factor": listed, "long_factor": listed, "factor": 1.0, "attention_factor": 1.0}
        return {"rope_type": "longrope", "rope_theta": theta, "original_max_position_embeddings": context, **lists}
    if kind == "none" or (kind == "linear" and factor == 1):
        return {"rope_type": "default", "rope_theta": theta}
    original = gguf.trait("rope.scaling.original_context_length") or context
    scaled = {"rope_type": kind, "rope_theta": theta, "factor": float(factor)}
    if kind == "linear":
        return {**scaled, "original_max_position_embeddings": max(1, round(context / factor))}
    if kind == "yarn":
        ramp = {key: gguf.trait(f"rope.scaling.yarn_{key}") for key in ("beta_fast", "beta_slow")}
        given = {key: float(value) for key, value in ramp.items() if value}
        return {**scaled, "original_max_position_embeddings": original, **given}
    raise gguf.refused(f"scales its positions by “{kind:.20}”, which Updraft does not have")


def generation_of(gguf: Gguf) -> dict[str, Any]:
    """Return the tokens that begin and end, and what the file suggests for drawing."""
    named = [gguf.value(f"tokenizer.ggml.{key}_token_id") for key in ("eos", "eot", "eom")]
    tokens, kinds = gguf.value("tokenizer.ggml.tokens") or [], gguf.value("tokenizer.ggml.token_type") or []
    named += [id_ for id_, (token, kind) in enumerate(zip(tokens, kinds, strict=False)) if kind == 3 and token in ENDS]
    ends = list(dict.fromkeys(id_ for id_ in named if type(id_) is int and 0 <= id_ < len(tokens)))
    found = {key: gguf.value(f"general.sampling.{name}") for key, name in SUGGESTED.items()}
    found |= {"bos_token_id": gguf.value("tokenizer.ggml.bos_token_id"), "eos_token_id": ends or None}
    return {key: value for key, value in found.items() if value is not None}
