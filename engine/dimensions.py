"""The numbers of a model that decide how much memory it takes, read from its config.json. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CheckpointError

FAMILIES = frozenset({"llama", "qwen2", "qwen3", "mistral"})


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The sizes of a decoder-only transformer, all counts; ``context`` is the longest it was trained for, in tokens."""

    family: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool  # the LM head is the embedding
    context: int

    @property
    def linears(self) -> int:
        """Weights of the layers' seven matrices, all layers together."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def embedding(self) -> int:
        """Weights of the embedding, as many as the LM head has."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All weights, a tied head counted once; norms and biases (well below 0.1 %) are left out."""
        return self.linears + self.embedding * (1 if self.tied else 2)


def read_dimensions(folder: Path) -> Dimensions:
    """Read the numbers of the checkpoint in ``folder``; raises CheckpointError where its config.json is not one."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder} has no config.json that can be read.", "Choose a model folder, or download the model again."
        ) from error
    if not isinstance(config, dict):
        raise CheckpointError(f"The config.json in {folder} is not a description of a model.", "Download it again.")
    return dimensions_of(config, str(folder))


def dimensions_of(config: Mapping[str, Any], name: str) -> Dimensions:
    """Read the numbers from a checkpoint's ``config.json``; ``name`` is what an error calls the model.

    Raises CheckpointError for a family, a quantisation or a value Updraft does not run.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        raise CheckpointError(
            f"{name} is of the architecture “{family}”, which Updraft does not run.",
            f"Choose a model of one of these families: {', '.join(sorted(FAMILIES))}.",
        )
    stored(config, name)
    heads, hidden = _count(config, "num_attention_heads", name), _count(config, "hidden_size", name)
    return Dimensions(
        family=str(family),
        layers=_count(config, "num_hidden_layers", name),
        hidden=hidden,
        intermediate=_count(config, "intermediate_size", name),
        heads=heads,
        kv_heads=_count(config, "num_key_value_heads", name, heads),
        head_dim=_count(config, "head_dim", name, hidden // heads),
        vocabulary=_count(config, "vocab_size", name),
        tied=bool(config.get("tie_word_embeddings", False)),
        context=_count(config, "max_position_embeddings", name, 2048),
    )


def stored(config: Mapping[str, Any], name: str) -> str:
    """Return ``"nf4"`` or ``"16-bit"``, the way a checkpoint's linears are stored; raises CheckpointError."""
    recipe = config.get("quantization_config")
    if not recipe:
        return "16-bit"
    method = recipe.get("quant_method", "bitsandbytes")
    if method != "bitsandbytes" or not recipe.get("load_in_4bit") or recipe.get("bnb_4bit_quant_type") != "nf4":
        raise CheckpointError(
            f"{name} is quantised with “{method}”, not as bitsandbytes NF4.",
            "Choose the 16-bit model, which Updraft quantises itself, or a copy ending in bnb-4bit.",
        )
    return "nf4"


def _count(config: Mapping[str, Any], key: str, name: str, default: int | None = None) -> int:
    value = config.get(key)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise CheckpointError(
            f"The config.json of {name} has no usable “{key}”.", "The model is damaged or of an unknown kind."
        )
    return value
