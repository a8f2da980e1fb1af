"""The shape of a model: sizes, rotations, windows. Data, no tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Family = Literal["llama", "qwen2", "qwen3", "mistral"]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a decoder of the Llama kind; every number the weights and the forward pass depend on.

    ``rope`` holds head_dim / 2 inverse frequencies (radians per position), ``rope_scale`` multiplies cosine and
    sine (YaRN's attention factor). ``windows`` has one entry a layer: how many positions, itself included, a
    token looks back on, or None for all of them. ``exits``: after how many layers it was trained to be left early,
    rising; empty where config.json does not say.
    """

    family: Family
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocabulary: int
    context: int
    norm_eps: float
    rope: tuple[float, ...]
    rope_scale: float
    windows: tuple[int | None, ...]
    qk_norm: bool
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    tied_head: bool
    exits: tuple[int, ...] = ()

    @property
    def parameters(self) -> int:
        """The number of weights; a tied head counts once."""
        return sum(math.prod(shape) for shape in self.tensors().values())

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor such a checkpoint holds, by its name in the Hub's layout."""
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocabulary, self.width)}
        for index in range(self.layers):
            shapes |= {f"model.layers.{index}.{name}": shape for name, shape in self._layer().items()}
        shapes["model.norm.weight"] = (self.width,)
        if not self.tied_head:
            shapes["lm_head.weight"] = (self.vocabulary, self.width)
        return shapes

    def _layer(self) -> dict[str, tuple[int, ...]]:
        queries, values = self.heads * self.head_dim, self.kv_heads * self.head_dim
        matrices = (
            ("self_attn.q_proj", (queries, self.width), self.qkv_bias),
            ("self_attn.k_proj", (values, self.width), self.qkv_bias),
            ("self_attn.v_proj", (values, self.width), self.qkv_bias),
            ("self_attn.o_proj", (self.width, queries), self.output_bias),
            ("mlp.gate_proj", (self.mlp, self.width), self.mlp_bias),
            ("mlp.up_proj", (self.mlp, self.width), self.mlp_bias),
            ("mlp.down_proj", (self.width, self.mlp), self.mlp_bias),
        )
        shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": shape for name, shape, _ in matrices}
        shapes |= {f"{name}.bias": shape[:1] for name, shape, bias in matrices if bias}
        shapes |= {f"{name}_layernorm.weight": (self.width,) for name in ("input", "post_attention")}
        if self.qk_norm:
            shapes |= {f"self_attn.{name}_norm.weight": (self.head_dim,) for name in "qk"}
        return shapes
