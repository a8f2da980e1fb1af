"""Describes a model as data: its sizes, rotation and windows, and the tensors its layers are made of. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

TABLE, NORM, HEAD = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"  # in the Hub's layout


@dataclass(frozen=True, slots=True)
class Product:
    """Matrices that read the same input, which are stored apart and multiplied as one.

    ``parts``: the name and the rows of each; ``columns``: the size of the input; ``bias``: all of them have one.
    """

    parts: tuple[tuple[str, int], ...]
    columns: int
    bias: bool = False

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by its name."""
        shapes: dict[str, tuple[int, ...]] = {f"{name}.weight": (rows, self.columns) for name, rows in self.parts}
        return shapes | ({f"{name}.bias": (rows,) for name, rows in self.parts} if self.bias else {})


@dataclass(frozen=True, slots=True)
class Parts:
    """The tensors of one layer by what they do there (see engine/model/block.py); names go on behind the layer's own.

    ``head_norms``: the norms of queries and of keys, [head_dim] each, where the family has them.
    """

    qkv: Product
    output: Product
    gate_up: Product
    down: Product
    head_norms: tuple[str, str] | None
    head_dim: int
    attention_norm: str = "input_layernorm.weight"
    mlp_norm: str = "post_attention_layernorm.weight"

    @property
    def widest(self) -> int:
        """The weights of the product that has most."""
        products = (self.qkv, self.output, self.gate_up, self.down)
        return max(product.columns * sum(rows for _, rows in product.parts) for product in products)

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by its name."""
        shapes: dict[str, tuple[int, ...]] = {}
        for product in (self.qkv, self.output, self.gate_up, self.down):
            shapes |= product.tensors()
        shapes |= dict.fromkeys((self.attention_norm, self.mlp_norm), (self.gate_up.columns,))
        return shapes | dict.fromkeys(self.head_norms or (), (self.head_dim,))


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a decoder: every number that its weights and a pass through it depend on.

    ``rope`` holds head_dim / 2 inverse frequencies (radians per position), ``rope_scale`` multiplies cosine and
    sine (YaRN's attention factor). ``windows`` has one entry a layer: how many positions, itself included, a
    token looks back on, or None for all of them. ``parts`` are those of every layer. ``exits``: after how many layers
    it was trained to be left early, rising; empty where config.json does not say.
    """

    family: str
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
    parts: Parts
    tied_head: bool
    exits: tuple[int, ...] = ()

    @property
    def parameters(self) -> int:
        """The number of weights; a tied head counts once."""
        return sum(math.prod(shape) for shape in self.tensors().values())

    def layer(self, index: int) -> str:
        """Return what the names of a layer's tensors begin with."""
        return f"model.layers.{index}."

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor such a checkpoint holds, by its name in the Hub's layout."""
        shapes: dict[str, tuple[int, ...]] = {TABLE: (self.vocabulary, self.width)}
        for index in range(self.layers):
            shapes |= {self.layer(index) + name: shape for name, shape in self.parts.tensors().items()}
        shapes[NORM] = (self.width,)
        return shapes if self.tied_head else {**shapes, HEAD: (self.vocabulary, self.width)}
