"""Tiny random drafters of blocks in the layouts they are published in, for the target of ``family``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.architecture import read_architecture

Layout = Literal["z-lab", "deepspec", "speculators"]
TAPS = (2, 5, 7)  # layers of the target whose input is read
COPIES = ("embed_tokens.weight", "lm_head.weight")  # of the target's, which makers write out
ROWS, MASK, RANK = 7, 290, 8
SIZES: dict[str, Any] = {
    "model_type": "qwen3",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500.0,
    "layer_types": ["full_attention"] * 2,
}


def block_config(layout: Layout, vocabulary: int, *, dspark: bool, spoken: int | None = None) -> dict[str, Any]:
    """Return a config.json as the makers of ``layout`` write it; ``spoken``: tokens of a head of its own."""
    sizes, outputs = {**SIZES, "vocab_size": vocabulary}, [tap - 1 for tap in TAPS]
    heads = {
        "markov_rank": RANK,
        "markov_head_type": "vanilla",
        "enable_confidence_head": True,
        "confidence_head_with_markov": True,
    }
    if layout == "z-lab":
        inner = {"mask_token_id": MASK, "target_layer_ids": outputs}
        return {
            **sizes,
            "architectures": ["DFlashDraftModel"],
            "block_size": ROWS,
            "num_target_layers": 8,
            "dflash_config": inner,
        }
    shared: dict[str, Any] = {"block_size": ROWS, "mask_token_id": MASK}
    if layout == "deepspec":
        without = {"markov_rank": 0, "enable_confidence_head": False}
        own = {"architectures": ["Qwen3DSparkModel"], "target_layer_ids": outputs, "num_target_layers": 8}
        return {**sizes, **shared, **own, "num_anchors": 512, **(heads if dspark else without)}
    return {
        **shared,
        "architectures": ["DSparkSpeculator" if dspark else "DFlashSpeculator"],
        "speculators_model_type": "dspark" if dspark else "dflash",
        "aux_hidden_state_layer_ids": list(TAPS),
        "draft_vocab_size": spoken or vocabulary,
        "sample_from_anchor": dspark,
        "transformer_layer_config": sizes,
        **(heads if dspark else {}),
    }


def block_tensors(config: dict[str, Any], seed: int = 4) -> dict[str, Tensor]:
    """Return random tensors for ``config``, the copies of the target's that makers write out included."""
    draw = torch.Generator().manual_seed(seed)
    sizes = config.get("transformer_layer_config", config)
    width, mlp, dim, vocabulary = (sizes[key] for key in ("hidden_size", "intermediate_size", "head_dim", "vocab_size"))
    queries, keys = (sizes[f"num_{key}_heads"] * dim for key in ("attention", "key_value"))
    taps = config.get("aux_hidden_state_layer_ids") or config.get("dflash_config", config)["target_layer_ids"]
    spoken, rank = config.get("draft_vocab_size", vocabulary), config.get("markov_rank", 0)

    def random(*shape: int, scale: float = 1.1 / sizes["hidden_size"] ** 0.5) -> Tensor:
        return torch.randn(*shape, generator=draw) * scale

    tensors = {"fc.weight": random(width, width * len(taps))}
    tensors |= {name: random(width) + 1 for name in ("hidden_norm.weight", "norm.weight")}
    for index in range(sizes["num_hidden_layers"]):
        layer = f"layers.{index}."
        tensors |= {
            layer + "self_attn.q_proj.weight": random(queries, width),
            layer + "self_attn.k_proj.weight": random(keys, width),
            layer + "self_attn.v_proj.weight": random(keys, width),
            layer + "self_attn.o_proj.weight": random(width, queries),
            layer + "self_attn.q_norm.weight": random(dim) + 1,
            layer + "self_attn.k_norm.weight": random(dim) + 1,
            layer + "mlp.gate_proj.weight": random(mlp, width),
            layer + "mlp.up_proj.weight": random(mlp, width),
            layer + "mlp.down_proj.weight": random(width, mlp),
            layer + "input_layernorm.weight": random(width) + 1,
            layer + "post_attention_layernorm.weight": random(width) + 1,
        }
    if rank:
        tensors["markov_head.markov_w1.weight"] = random(vocabulary, rank, scale=1.0)
        tensors["markov_head.markov_w2.weight"] = random(spoken, rank, scale=1.0)
    if config.get("enable_confidence_head"):
        tensors |= {"confidence_head.proj.weight": random(1, width + rank), "confidence_head.proj.bias": random(1)}
    if spoken < vocabulary:
        chosen = torch.randperm(vocabulary, generator=draw)[:spoken].sort().values
        flags = torch.zeros(vocabulary, dtype=torch.bool).index_fill_(0, chosen, 1)
        tensors |= {"d2t": chosen - torch.arange(spoken), "t2d": flags, "lm_head.weight": random(spoken, width)}
    elif "dflash_config" not in config:  # all but z-lab write out what the target has as well
        tensors |= {name: random(vocabulary, width) for name in COPIES}
    return tensors


def write_block(
    folder: Path, vocabulary: int, layout: Layout = "deepspec", *, dspark: bool = True, spoken: int | None = None
) -> dict[str, Tensor]:
    """Write a drafter into ``folder``; returns its tensors."""
    config = block_config(layout, vocabulary, dspark=dspark, spoken=spoken)
    tensors = block_tensors(config)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return tensors


def knowing(target: Path) -> dict[str, Any]:
    """Return the config.json of a drafter for the model in ``target``."""
    shape = read_architecture(target)
    sizes = {
        "hidden_size": shape.width,
        "intermediate_size": shape.mlp,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "num_target_layers": shape.layers,
        "target_layer_ids": [1, shape.layers // 2, shape.layers - 3],
    }
    return block_config("deepspec", shape.vocabulary, dspark=True) | sizes | {"markov_rank": 256, "mask_token_id": 3}


def write_knowing(folder: Path, config: dict[str, Any], replies: Sequence[Sequence[int]]) -> None:
    """Write a drafter whose Markov head knows what follows what in ``replies``; all else of it is random."""
    tensors = {name: each for name, each in block_tensors(config).items() if name not in COPIES}
    before, after = tensors["markov_head.markov_w1.weight"], tensors["markov_head.markov_w2.weight"]
    after.zero_()
    for token, following in dict.fromkeys(pair for reply in replies for pair in pairwise(reply)):
        after[following] += before[token]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: each.bfloat16() for name, each in tensors.items()}, folder / "model.safetensors")
