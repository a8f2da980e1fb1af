"""A DSpark block: a few layers that guess a whole block at once, and a Markov head that lets a guess know the last one.

Names of the parameters are those of the published files.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.teaching.layer import Attention, Gated, Sizes, picked


class Layer(nn.Module):
    """A Qwen3 layer whose rows see each other and the context, which has no rows of its own here."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = sizes.norm(), sizes.norm()
        self.self_attn = Attention(sizes, sizes.width, norms=True)
        self.mlp = Gated(sizes)

    def forward(self, hidden: Tensor, context: Tensor, seen: Tensor, positions: Tensor) -> Tensor:
        """Map rows (batch, anchors, block, width) at ``positions`` to the same shape.

        ``context`` (batch, time, width), of which each anchor has ``seen`` some, (batch, anchors, time).
        """
        x, places = self.input_layernorm(hidden), torch.arange(context.shape[1], device=context.device)
        attention = self.self_attn
        own = attention.keyed(x, positions)
        hidden = hidden + attention(attention.query(x, positions), attention.keyed(context, places), seen, own)
        out: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden))
        return out


class Markov(nn.Module):
    """What a token makes likely to follow, of low rank."""

    def __init__(self, sizes: Sizes, rank: int) -> None:
        super().__init__()
        self.markov_w1 = nn.Embedding(sizes.vocabulary, rank)
        self.markov_w2 = nn.Linear(rank, sizes.few, bias=False)
        nn.init.normal_(self.markov_w1.weight, std=0.1)
        nn.init.zeros_(self.markov_w2.weight)


class Confidence(nn.Module):
    """How sure a row is that its guess will be kept."""

    def __init__(self, reads: int) -> None:
        super().__init__()
        self.proj = nn.Linear(reads, 1)
        nn.init.zeros_(self.proj.weight)


class Block(nn.Module):
    """Reads the newest token and ``block - 1`` masks behind it; row k guesses the token k + 1 further on."""

    def __init__(self, sizes: Sizes, few: Tensor, layers: int, block: int, mask: int, rank: int) -> None:
        """``few``: the tokens it has a head for; ``mask``: the token that stands for one not known yet."""
        super().__init__()
        self.sizes, self.block, self.mask, self.rank = sizes, block, mask, rank
        self.fc, self.hidden_norm = sizes.features(), sizes.norm()
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(layers))
        self.norm = sizes.norm()
        self.lm_head = nn.Linear(sizes.width, sizes.few, bias=False)
        self.markov_head = Markov(sizes, rank)
        self.confidence_head = Confidence(sizes.width + rank)
        self.register_buffer("few", few, persistent=False)

    def forward(self, features: Tensor, embedded: Tensor, anchors: Tensor, masked: Tensor, tokens: Tensor) -> Tensor:
        """Return what the head and the Markov head read, (block, batch, anchors, width + rank).

        ``features`` (batch, time, taps * width), ``embedded`` (batch, time, width), ``tokens`` (batch, time) of the
        true text; ``anchors`` int64 (batch, some): the newest tokens; ``masked`` (width,): the mask's embedding.
        Nothing is read of the target at an anchor or behind it: it has not been there yet.
        """
        context = self.hidden_norm(self.fc(features).float())
        seen = torch.arange(context.shape[1], device=anchors.device) < anchors[..., None]
        positions = anchors[..., None] + torch.arange(self.block, device=anchors.device)
        first = picked(embedded, anchors)[:, :, None]
        hidden = torch.cat((first, masked.expand(*anchors.shape, self.block - 1, -1)), dim=2)
        for layer in self.layers:
            hidden = layer(hidden, context, seen, positions)
        before = tokens.gather(1, positions.flatten(1).clamp(max=tokens.shape[1] - 1)).view(positions.shape)
        states = torch.cat((self.norm(hidden), self.markov_head.markov_w1(before)), dim=-1)
        return states.permute(2, 0, 1, 3)

    def confidence(self, states: Tensor) -> Tensor:
        """Return the logit of a guess being kept at every one of ``states``."""
        found: Tensor = self.confidence_head.proj(states.detach())[..., 0]
        return found

    def table(self) -> Tensor:
        """Return what its states are multiplied with, (few, width + rank)."""
        return torch.cat((self.lm_head.weight, self.markov_head.markov_w2.weight), dim=1)

    def matrices(self) -> list[nn.Parameter]:
        """Return the weights of the linear layers below the head."""
        return [each for part in (self.fc, self.layers) for each in part.parameters() if each.ndim == 2]

    @torch.no_grad()
    def begin(self, embedding: Tensor, norm: Tensor, mlps: list[dict[str, Tensor]]) -> None:
        """Start from the target: its head's rows, its last norm, and the MLPs of its last layers."""
        self.lm_head.weight.copy_(embedding[self.get_buffer("few")])
        self.norm.weight.copy_(norm)
        for layer, mlp in zip(self.layers, mlps, strict=True):
            layer.get_submodule("mlp").load_state_dict(mlp)
