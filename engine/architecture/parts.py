"""Builds families from shared parts: sizes of heads, matrices of a layer, and what all decoders have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.architecture.rotation import read_rope
from engine.architecture.settings import CHOOSE_ANOTHER, Settings
from engine.architecture.shape import Architecture, Parts, Product
from engine.architecture.windows import FULL, SLIDING, Windows, read_layers
from engine.errors import CheckpointError

WIDEST_HEAD = 4_096  # several times what the widest heads have
ACTIVATIONS = ("silu", "swish")  # two names of one function


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one layer: ``heads`` of queries and ``kv_heads`` of keys of ``head_dim`` each."""

    width: int
    mlp: int
    heads: int
    kv_heads: int
    head_dim: int


def read_sizes(settings: Settings, kv_heads: int | None = None, head_dim: int | None = None) -> Sizes:
    """Read the sizes of a layer; raises CheckpointError where heads do not divide.

    ``kv_heads`` and ``head_dim`` are the family's, where the file leaves the key out. Null is another thing: then, as
    with None here, there are as many keys as heads, and these share the width.
    """
    kv_default, dim_default = (
        None if key in settings.values else default
        for key, default in (("num_key_value_heads", kv_heads), ("head_dim", head_dim))
    )
    width, heads = settings.size("hidden_size"), settings.size("num_attention_heads")
    keys = settings.size("num_key_value_heads", kv_default or heads)
    dim = settings.size("head_dim", dim_default or max(width // heads, 1))
    if width % heads and not (dim_default or settings.has("head_dim")):
        raise settings.refused("num_attention_heads", f"which do not divide hidden_size, {width:,}")
    if heads % keys or dim % 2 or dim > WIDEST_HEAD:
        raise CheckpointError(
            f"The config.json of {settings.name} gives {heads:,} heads (num_attention_heads) of {dim:,} "
            f"(head_dim) over {keys:,} key heads (num_key_value_heads), which no model has.",
            "The file is damaged: download the model again, or choose another copy.",
        )
    return Sizes(width, settings.size("intermediate_size"), heads, keys, dim)


def layer_parts(
    sizes: Sizes,
    *,
    qkv_bias: bool = False,
    output_bias: bool = False,
    mlp_bias: bool = False,
    head_norms: bool = False,
    inputs: int = 1,
) -> Parts:
    """Return the parts of a layer of attention and gated MLP, named as transformers names them.

    ``inputs``: states of the layer's width, side by side, that its queries, keys and values are made of.
    """
    queries, keys = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
    qkv = tuple((f"self_attn.{name}_proj", rows) for name, rows in (("q", queries), ("k", keys), ("v", keys)))
    return Parts(
        qkv=Product(qkv, inputs * sizes.width, qkv_bias),
        output=Product((("self_attn.o_proj", sizes.width),), queries, output_bias),
        gate_up=Product((("mlp.gate_proj", sizes.mlp), ("mlp.up_proj", sizes.mlp)), sizes.width, mlp_bias),
        down=Product((("mlp.down_proj", sizes.width),), sizes.mlp, mlp_bias),
        head_norms=("self_attn.q_norm.weight", "self_attn.k_norm.weight") if head_norms else None,
        head_dim=sizes.head_dim,
    )


def read_decoder(settings: Settings, sizes: Sizes, parts: Parts, windows: Windows, context: int) -> Architecture:
    """Read what all decoders have; ``context`` is the family's where the file does not say. Raises CheckpointError."""
    if settings.text("hidden_act", "silu") not in ACTIVATIONS:
        raise settings.refused("hidden_act", "but Updraft has SiLU only", CHOOSE_ANOTHER)
    layers, trained = read_layers(settings), settings.size("max_position_embeddings", context)
    rope = read_rope(settings, sizes.head_dim, trained, {SLIDING if window else FULL for window in windows})
    return Architecture(
        family=settings.text("model_type"),
        layers=layers,
        width=sizes.width,
        heads=sizes.heads,
        kv_heads=sizes.kv_heads,
        head_dim=sizes.head_dim,
        mlp=sizes.mlp,
        vocabulary=settings.size("vocab_size"),
        context=rope.context,
        norm_eps=settings.number("rms_norm_eps", 1e-6, least=0, most=1),
        rope=rope.frequencies,
        rope_scale=rope.scale,
        windows=windows,
        parts=parts,
        tied_head=settings.flag("tie_word_embeddings"),
        exits=_exits(settings.values.get("early_exits"), layers),
    )


def _exits(named: Any, layers: int) -> tuple[int, ...]:
    """Return the early exits the file names, rising; none where it means something else by the key.

    It is a word of ours, so a value we do not understand is somebody else's, and no reason to refuse the model.
    """
    if not isinstance(named, list) or any(type(each) is not int or not 0 < each < layers for each in named):
        return ()
    return tuple(sorted(set(named)))
