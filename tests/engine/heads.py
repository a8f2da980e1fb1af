"""Tiny random EAGLE-3 heads in every published format, for the tiny family's target, as a person would have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.architecture import Architecture

LAYER: dict[str, Any] = {  # beside hidden_size and vocab_size
    "model_type": "llama",
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 64,  # fewer than the target's, as published
}
SPOKEN = 96  # tokens of a head with a vocabulary of its own


@dataclass(frozen=True)
class Format:
    """A published format: ``config`` beside the layer's sizes, and what its files hold beside the usual tensors.

    ``taps``: what a reader should find in it. ``nested``: the layer's sizes lie in a table of their own. ``each``: how
    the norms of each feature are named, "" where there are none.
    """

    config: Mapping[str, Any]
    taps: tuple[int, ...]
    begin: str = "layers.0."
    nested: bool = False
    layer: Mapping[str, Any] = field(default_factory=dict)
    width: int = 32
    spoken: int | None = SPOKEN
    each: str = ""
    whole: bool = False
    biased: bool = False
    head_norms: bool = False
    table: bool = False
    head: bool = True


SPECFORGE = {"architectures": ["LlamaForCausalLMEagle3"]}
SPECULATORS = {"architectures": ["Eagle3Speculator"], "speculators_model_type": "eagle3", "draft_vocab_size": SPOKEN}
OWNED = {"speculators_config": {"algorithm": "eagle3", "verifier": {"name_or_path": "somebody/a-model"}}}
KEY = "eagle_aux_hidden_state_layer_ids"
FORMATS = {
    "safeailab": Format(
        {"architectures": ["LlamaForCausalLM"], "draft_vocab_size": SPOKEN}, (2, 4, 5), begin="midlayer.", table=True
    ),
    "specforge": Format(
        {
            **SPECFORGE,
            "draft_vocab_size": SPOKEN,
            "eagle_config": {KEY: [0, 2, 5]},
            "fc_norm": True,
            "norm_output": True,
        },
        (1, 3, 6),
        begin="midlayer.",
        each="fc_norm.{}.weight",
    ),
    "older norms": Format(
        {**SPECFORGE, "draft_vocab_size": SPOKEN, "use_aux_norm": True, "norm_before_fc": False},
        (2, 4, 5),
        begin="midlayer.",
        each="aux_norm_{}.weight",
    ),
    "the target's head": Format(
        {**SPECFORGE, "draft_vocab_size": None}, (2, 4, 5), begin="midlayer.", spoken=None, head=False
    ),
    "another width": Format(
        {**SPECFORGE, "draft_vocab_size": SPOKEN, "target_hidden_size": 32}, (2, 4, 5), width=64, table=True
    ),
    "speculators": Format(
        {**SPECULATORS, **OWNED, "norm_before_residual": True, "norm_before_fc": True, KEY: [2, 4, 5]},
        (2, 4, 5),
        nested=True,
        layer={"attention_bias": True, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
        whole=True,
        biased=True,
        table=True,
    ),
    "speculators, qwen3": Format(
        {**SPECULATORS, **OWNED, "norm_before_residual": False, "fc_norm": True, "norm_output": True, KEY: None},
        (2, 4, 5),
        nested=True,
        layer={"model_type": "qwen3", "head_dim": 16, "num_attention_heads": 4, "num_key_value_heads": 2},
        each="fc_norm.{}.weight",
        head_norms=True,
    ),
    "deepspec": Format(
        {
            "architectures": ["Qwen3Eagle3Model"],
            "target_layer_ids": [0, 1, 3, 5, 6],
            "num_target_layers": 8,
            "target_model_name_or_path": "somebody/a-model",
        },
        (1, 2, 4, 6, 7),
        layer={"model_type": "qwen3", "head_dim": 16, "rope_theta": 1e6},
        spoken=None,
        head_norms=True,
        table=True,
    ),
}


def config_of(made: Format, vocabulary: int, **changes: object) -> dict[str, Any]:
    """Return the config.json of such a head for a target with so many tokens; None takes an entry out."""
    layer = {**LAYER, **made.layer, "hidden_size": made.width, "vocab_size": vocabulary}
    whole = {**made.config, "transformer_layer_config": layer} if made.nested else {**layer, **made.config}
    return {key: value for key, value in {**whole, **changes}.items() if value is not None or key in made.config}


def tensors_of(made: Format, vocabulary: int, target: Mapping[str, Tensor], seed: int = 11) -> dict[str, Tensor]:
    """Return random tensors of such a head: what is a copy of the target's is the ``target``'s."""
    layer, draw = {**LAYER, **made.layer}, torch.Generator().manual_seed(seed)
    width, heads, keys = made.width, layer["num_attention_heads"], layer["num_key_value_heads"]
    dim, mlp, count = layer.get("head_dim", width // heads), layer["intermediate_size"], len(made.taps)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw) * (0.2 if len(shape) > 1 else 0.3)

    def norm(size: int) -> Tensor:
        return 0.5 + torch.rand(size, generator=draw)

    rows = {"q": heads * dim, "k": keys * dim, "v": keys * dim}
    found = {"fc.weight": random(width, 32 * count), "norm.weight": norm(width)}
    found |= {f"{made.begin}self_attn.{name}_proj.weight": random(size, 2 * width) for name, size in rows.items()}
    found |= {
        f"{made.begin}self_attn.o_proj.weight": random(width, heads * dim),
        f"{made.begin}mlp.gate_proj.weight": random(mlp, width),
        f"{made.begin}mlp.up_proj.weight": random(mlp, width),
        f"{made.begin}mlp.down_proj.weight": random(width, mlp),
    }
    names = ("input_layernorm", "hidden_norm", "post_attention_layernorm")
    found |= {f"{made.begin}{name}.weight": norm(width) for name in names}
    if made.biased:
        found |= {f"{made.begin}self_attn.{name}_proj.bias": random(size) for name, size in rows.items()}
        found |= {f"{made.begin}self_attn.o_proj.bias": random(width), "fc.bias": random(width)}
    if made.head_norms:
        found |= {f"{made.begin}self_attn.{name}_norm.weight": norm(dim) for name in "qk"}
    if made.each:
        places = ("low", "mid", "high") if "aux" in made.each else range(count)
        found |= {made.each.format(place): norm(32) for place in places}
    if made.whole:
        found["input_norm.weight"] = norm(32 * count)
    spoken = made.spoken or vocabulary
    if made.spoken:
        tokens = torch.randperm(vocabulary, generator=draw)[:spoken].sort().values
        found |= {"d2t": tokens - torch.arange(spoken), "t2d": torch.zeros(vocabulary, dtype=torch.bool)}
        found["t2d"][tokens] = True
    table = target["model.embed_tokens.weight"]
    if made.head:
        found["lm_head.weight"] = table.clone() if "target_layer_ids" in made.config else random(spoken, width)
    if made.table:
        found["embed_tokens.weight"] = table.clone() if width == 32 else random(vocabulary, width)
    return found


def write_head(folder: Path, name: str, target: Mapping[str, Tensor], **changes: object) -> dict[str, Tensor]:
    """Write the head of the format ``name`` for the model of the tensors ``target``; return its own tensors."""
    made, vocabulary = FORMATS[name], len(target["model.embed_tokens.weight"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_of(made, vocabulary, **changes)))
    tensors = tensors_of(made, vocabulary, target)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return tensors


def write_inner_head(folder: Path, middle: Path) -> None:
    """Write a head for the tiny family's qualifier, which lies in ``middle`` and has three layers."""
    write_head(folder, "specforge", load_file(middle / "model.safetensors"))
    config = json.loads((folder / "config.json").read_text())
    config["eagle_config"][KEY] = [0, 1, 2]
    (folder / "config.json").write_text(json.dumps(config))


def write_head_for(folder: Path, target: Architecture, spoken: int, seed: int = 3) -> None:
    """Write a random head of one layer like the target's, in SpecForge's format, that speaks of ``spoken`` tokens."""
    a, draw = target, torch.Generator().manual_seed(seed)
    config = {
        **SPECFORGE,
        "model_type": "llama",
        "hidden_size": a.width,
        "intermediate_size": a.mlp,
        "num_hidden_layers": 1,
        "num_attention_heads": a.heads,
        "num_key_value_heads": a.kv_heads,
        "head_dim": a.head_dim,
        "vocab_size": a.vocabulary,
        "draft_vocab_size": spoken,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 2048,
    }
    queries, keys, layer = a.heads * a.head_dim, a.kv_heads * a.head_dim, "midlayer."
    shapes = {
        "fc.weight": (a.width, 3 * a.width),
        f"{layer}self_attn.q_proj.weight": (queries, 2 * a.width),
        f"{layer}self_attn.k_proj.weight": (keys, 2 * a.width),
        f"{layer}self_attn.v_proj.weight": (keys, 2 * a.width),
        f"{layer}self_attn.o_proj.weight": (a.width, queries),
        f"{layer}mlp.gate_proj.weight": (a.mlp, a.width),
        f"{layer}mlp.up_proj.weight": (a.mlp, a.width),
        f"{layer}mlp.down_proj.weight": (a.width, a.mlp),
        "lm_head.weight": (spoken, a.width),
    }
    found = {name: (torch.randn(*s, generator=draw) * s[1] ** -0.5).bfloat16() for name, s in shapes.items()}
    norms = ("input_layernorm", "hidden_norm", "post_attention_layernorm")
    found |= {f"{layer}{name}.weight": torch.ones(a.width) for name in norms} | {"norm.weight": torch.ones(a.width)}
    if spoken < a.vocabulary:
        tokens = torch.randperm(a.vocabulary, generator=draw)[:spoken].sort().values
        found["d2t"] = tokens - torch.arange(spoken)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(found, folder / "model.safetensors")
