"""The memory account: how many bytes a model needs, by part. Pure arithmetic, shared by the fit and the loader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import CheckpointError

FAMILIES = frozenset({"llama", "qwen2", "qwen3", "mistral"})
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

# Bytes per weight of NF4 in blocks of 64: half a byte, plus one scale a block.
NF4_NESTED = 0.5 + 1 / 64 + 4 / (64 * 256)  # scales quantised to 8 bits in turn, as in most 4-bit checkpoints
NF4_BF16 = 0.5 + 2 / 64  # scales in bf16
NF4_FP32 = 0.5 + 4 / 64  # scales in float32

CHUNK = 512  # prompt tokens per prefill pass
WINDOW = 16  # the most tokens one verification reads
RUNTIME = 480 * MIB  # CUDA context, loaded kernels and graphs: once per process, not per level


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers of a decoder-only transformer that decide how much memory it takes."""

    family: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool  # the LM head is the embedding
    context: int  # the longest context the model was trained for, in tokens

    @property
    def linears(self) -> int:
        """Weights of the layers' seven matrices, all layers together."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def embedding(self) -> int:
        """Weights of the embedding, which are also those of the LM head."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All weights, a tied head counted once; norms and biases (well below 0.1 %) are left out."""
        return self.linears + self.embedding * (1 if self.tied else 2)


@dataclass(frozen=True, slots=True)
class Precision:
    """Bytes per weight of each part, and per number in the KV cache."""

    linear: float = NF4_BF16
    embedding: float = 2.0
    head: float = 2.0
    cache: float = 2.0


GPU = Precision()
CPU = Precision(linear=4.0, embedding=4.0, head=4.0, cache=4.0)


@dataclass(frozen=True, slots=True)
class Account:
    """Bytes one model needs at one context length, by part."""

    weights: int
    embedding: int
    head: int  # 0 where the head is the embedding itself
    cache: int
    workspace: int

    @property
    def total(self) -> int:
        """The sum of the parts in bytes."""
        return self.weights + self.embedding + self.head + self.cache + self.workspace


def account(architecture: Architecture, context: int, precision: Precision = GPU) -> Account:
    """Return the bytes ``architecture`` needs while it holds ``context`` tokens, without RUNTIME.

    A head of another precision than the embedding is a copy of its own even where the two are tied.
    """
    shared = architecture.tied and precision.head == precision.embedding
    return Account(
        weights=round(architecture.linears * precision.linear),
        embedding=round(architecture.embedding * precision.embedding),
        head=0 if shared else round(architecture.embedding * precision.head),
        cache=round(cache_per_token(architecture, precision) * context),
        workspace=_workspace(architecture, precision),
    )


def cache_per_token(architecture: Architecture, precision: Precision = GPU) -> float:
    """Return the bytes of keys and values one token of context takes in all layers."""
    return 2 * architecture.layers * architecture.kv_heads * architecture.head_dim * precision.cache


def _workspace(a: Architecture, precision: Precision) -> int:
    widest = 2 * a.intermediate * a.hidden  # gate and up, side by side
    dense = widest * 2 if precision.linear < 1 else 0  # a 4-bit matrix is spread to bf16 for a prefill product
    row = 4 * a.hidden + 3 * a.intermediate + (a.heads + 2 * a.kv_heads) * a.head_dim
    activations = CHUNK * row * (2 if precision.linear < 1 else 4)
    logits = WINDOW * a.vocabulary * 4 * 3  # float32: logits, law and scratch of the acceptance
    return dense + activations + logits


def architecture_of(config: Mapping[str, Any], name: str) -> Architecture:
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
    return Architecture(
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
