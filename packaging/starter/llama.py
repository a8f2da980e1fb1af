"""The three models: a plain Llama whose hidden states can be read after any of its layers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

HEAD = 64  # width of one attention head
CONTEXT = 2048
THETA = 10_000.0
EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of one model; ``exits`` are the depths besides the last that learn to speak."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    mlp: int
    exits: tuple[int, ...] = ()


FAMILY = {
    "target": Shape(16, 512, 8, 4, 1408, exits=(2, 4, 8)),
    "qualifier": Shape(8, 320, 5, 5, 1280),
    "draft": Shape(3, 192, 3, 1, 1024),
}
MICRO = {
    "target": Shape(16, 64, 1, 1, 128, exits=(2, 4, 8)),
    "qualifier": Shape(2, 64, 1, 1, 128),
    "draft": Shape(1, 64, 1, 1, 64),
}


class Attention(nn.Module):
    """Causal grouped-query attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.q_proj = nn.Linear(shape.width, shape.heads * HEAD, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.kv_heads * HEAD, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.kv_heads * HEAD, bias=False)
        self.o_proj = nn.Linear(shape.heads * HEAD, shape.width, bias=False)

    def forward(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (batch, time, width) to the same shape; ``cos`` and ``sin`` are (time, HEAD)."""
        batch, time, _ = hidden.shape
        query, key, value = (
            project(hidden).view(batch, time, -1, HEAD).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        mixed = F.scaled_dot_product_attention(
            query, key, value, is_causal=True, enable_gqa=key.shape[1] != query.shape[1]
        )
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, time, -1))
        return out


class Gated(nn.Module):
    """The feed-forward part: SiLU gate times up, then down."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.mlp, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.mlp, bias=False)
        self.down_proj = nn.Linear(shape.mlp, shape.width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map (batch, time, width) to the same shape."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(hidden)) * self.up_proj(hidden))
        return out


class Block(nn.Module):
    """One layer; parameter names are those of the Hub's Llama."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.width, eps=EPSILON)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=EPSILON)
        self.mlp = Gated(shape)

    def forward(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (batch, time, width) to the same shape."""
        hidden = hidden + self.self_attn(self.input_layernorm(hidden), cos, sin)
        out: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden))
        return out


class Llama(nn.Module):
    """Embedding, layers and one norm and head that every depth shares."""

    def __init__(self, shape: Shape, vocabulary: int, theta: float = THETA) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(vocabulary, shape.width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=EPSILON)
        angle = torch.outer(torch.arange(CONTEXT), theta ** (-torch.arange(0, HEAD, 2) / HEAD)).repeat(1, 2)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(weight)  # every layer starts as the identity
            elif weight.ndim == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(self, tokens: Tensor) -> list[Tensor]:
        """Return the hidden states (batch, time, width) of ``tokens`` (batch, time) at every exit, then the last."""
        time = tokens.shape[1]
        cos, sin = self.get_buffer("cos")[:time], self.get_buffer("sin")[:time]
        hidden = self.embed_tokens(tokens)
        found = []
        for depth, layer in enumerate(self.layers, 1):
            hidden = layer(hidden, cos, sin)
            if depth in (*self.shape.exits, self.shape.layers):
                found.append(hidden)
        return found

    def linears(self) -> list[nn.Parameter]:
        """Return the weights of the linear layers: those Muon trains and NF4 stores."""
        return [weight for weight in self.layers.parameters() if weight.ndim == 2]


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn heads (batch, heads, time, HEAD) by their positions, halves paired as in the Hub's Llama."""
    first, second = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-second, first), dim=-1) * sin).to(x.dtype)


def logits(hidden: Tensor, scale: Tensor, head: Tensor) -> Tensor:
    """Read (..., width) with the shared norm's ``scale`` and the tied ``head`` (vocabulary, width)."""
    return F.linear(F.rms_norm(hidden, scale.shape, scale, EPSILON), head)
