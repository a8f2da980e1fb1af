"""Drafters as files, in the forms the field publishes: a head as SpecForge and SafeAILab have it, a block as DeepSpec.

A block with a head for few tokens alone has `draft_vocab_size`, `lm_head.weight` and `d2t`, which vLLM reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.files import read_object, replace_file
from engine.teaching.block import Block
from engine.teaching.head import Head
from engine.teaching.layer import Sizes
from engine.teaching.rounding import BLOCK, parts_of

CARD = "card.json"
NF4 = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}


def description(drafter: Head | Block) -> dict[str, Any]:
    """Return what config.json says of ``drafter``."""
    common = _common(drafter.sizes)
    if isinstance(drafter, Head):
        usual = (2, drafter.sizes.depth // 2, drafter.sizes.depth - 3)
        if drafter.sizes.taps != usual:
            raise ValueError(f"A head reads layers {usual}: readers disagree about how others are written down.")
        return {"architectures": ["LlamaForCausalLMEagle3"], "model_type": "llama", "num_hidden_layers": 1} | common
    count = len(drafter.layers)
    return {
        "architectures": ["Qwen3DSparkModel"],
        "model_type": "qwen3",
        "num_hidden_layers": count,
        "layer_types": ["full_attention"] * count,
        "num_target_layers": drafter.sizes.depth,
        "target_layer_ids": [tap - 1 for tap in drafter.sizes.taps],  # there: the layer whose output is read
        "block_size": drafter.block,
        "mask_token_id": drafter.mask,
        "markov_rank": drafter.rank,
        "markov_head_type": "vanilla",
        "enable_confidence_head": True,
        "confidence_head_with_markov": True,
        "num_anchors": 512,
    } | common


def _common(sizes: Sizes) -> dict[str, Any]:
    return {
        "hidden_size": sizes.width,
        "intermediate_size": sizes.mlp,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.kv_heads,
        "head_dim": sizes.head,
        "vocab_size": sizes.vocabulary,
        "draft_vocab_size": sizes.few,
        "rms_norm_eps": sizes.epsilon,
        "rope_theta": round(sizes.theta, 6),  # turned back from the angle of a pair, which leaves 99999.99999999983
        "max_position_embeddings": sizes.context,
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }


def weights(drafter: Head | Block) -> dict[str, Tensor]:
    """Return the tensors of the file: what is learnt, by its published name, and the tokens the head is for.

    d2t int64 (few,): how much larger a token's number is than its place in the head; t2d bool (vocabulary,): which
    tokens there are.
    """
    few = drafter.get_buffer("few").cpu()
    known = torch.zeros(drafter.sizes.vocabulary, dtype=torch.bool)
    known[few] = True
    learnt = {name: weight.detach() for name, weight in drafter.named_parameters()}
    return learnt | {"d2t": few - torch.arange(len(few)), "t2d": known}


def save(drafter: Head | Block, folder: Path, card: Mapping[str, Any], *, four_bits: bool = False) -> None:
    """Write ``drafter`` to ``folder`` with its ``card``; see ``write``."""
    write(folder, weights(drafter), description(drafter), card, four_bits=four_bits)


def write(
    folder: Path,
    found: Mapping[str, Tensor],
    described: Mapping[str, Any],
    card: Mapping[str, Any],
    *,
    four_bits: bool = False,
) -> None:
    """Write a drafter to ``folder``: config.json as ``described``, model.safetensors in bfloat16, and card.json.

    ``four_bits``: matrices as NF4, as bitsandbytes lays them out, and the rest as float32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = dict[str, Tensor]()
    for name, each in found.items():
        if four_bits and each.is_floating_point():
            matrix = each.ndim == 2 and each.shape[0] > 1 and each.numel() % BLOCK == 0
            stored |= parts_of(name, each) if matrix else {name: each.float()}
        else:
            stored[name] = each.bfloat16() if each.is_floating_point() else each
    file = folder / "model.safetensors"
    save_file({name: each.cpu().contiguous() for name, each in stored.items()}, file, metadata={"format": "pt"})
    file.chmod(0o644)  # the library leaves it to its owner alone
    described = {**described, "quantization_config": NF4} if four_bits else described
    for name, content in (("config.json", described), (CARD, card)):
        (folder / name).write_text(json.dumps(dict(content), indent=1) + "\n", encoding="utf-8")


def add_to_card(folder: Path, known: Mapping[str, Any]) -> None:
    """Put what is ``known`` only now into the card of the drafter in ``folder``, in one step."""
    card = read_object(folder / CARD) | dict(known)
    replace_file(folder / CARD, (json.dumps(card, indent=1) + "\n").encode())


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of weights in ``folder``, by its name."""
    return {file.name: _digest(file) for file in sorted(folder.glob("*.safetensors"))}


def _digest(file: Path) -> str:
    with file.open("rb") as stored:
        return file_digest(stored, "sha256").hexdigest()


def restore(drafter: Head | Block, stored: Mapping[str, Tensor]) -> None:
    """Give ``drafter`` the weights and tokens of a file that ``weights`` described."""
    drafter.get_buffer("few").copy_(stored["d2t"] + torch.arange(len(stored["d2t"])))
    with torch.no_grad():
        for name, weight in drafter.named_parameters():
            weight.copy_(stored[name])
