"""An EAGLE-3 head: one layer that reads a state of the target and the next token, and then what it made of them itself.

Names of the parameters are those of the published files.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.teaching.layer import Attention, Gated, Sizes, picked


class Midlayer(nn.Module):
    """The layer: an embedding and a feature side by side go in, the feature goes past."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.input_layernorm, self.hidden_norm = sizes.norm(), sizes.norm()
        self.self_attn = Attention(sizes, 2 * sizes.width, norms=False)
        self.post_attention_layernorm = sizes.norm()
        self.mlp = Gated(sizes)

    def read(self, embedded: Tensor, feature: Tensor) -> Tensor:
        """Return what attention reads, the embedding first."""
        return torch.cat((self.input_layernorm(embedded), self.hidden_norm(feature)), dim=-1)


class Head(nn.Module):
    """Row i of it reads token i's feature and token i + 1, and guesses token i + 2."""

    def __init__(self, sizes: Sizes, few: Tensor) -> None:
        """``few``: the tokens it has a head for, in order of their numbers, int64 (sizes.few,)."""
        super().__init__()
        self.sizes = sizes
        self.fc = sizes.features()
        self.midlayer = Midlayer(sizes)
        self.norm = sizes.norm()
        self.lm_head = nn.Linear(sizes.width, sizes.few, bias=False)
        self.register_buffer("few", few, persistent=False)

    def forward(self, features: Tensor, embedded: Tensor, anchors: Tensor, steps: int) -> Tensor:
        """Return what the head reads at each of ``steps`` drafted from ``anchors``, (steps, batch, anchors, width).

        ``features`` (batch, time, taps * width) and ``embedded`` (batch, time, width) of the true text; ``anchors``
        int64 (batch, some): rows drafting begins at. Step k reads the true token k further on, and in place of the
        feature nobody has by then what the layer made at the step before: this is the test at training time. It sees
        the true rows before the anchor, and those its own steps made.
        """
        layer, attention = self.midlayer, self.midlayer.self_attn
        feature = self.fc(features[:, :-1]).float()
        rows = torch.arange(feature.shape[1], device=anchors.device)
        context = attention.keyed(layer.read(embedded[:, 1:], feature), rows)
        seen = rows < anchors[..., None]
        hidden = picked(feature, anchors)
        found: list[Tensor] = []
        keys: list[Tensor] = []
        values: list[Tensor] = []
        for step in range(steps):
            x, at = layer.read(picked(embedded, anchors + 1 + step), hidden), anchors + step
            key, value = attention.keyed(x, at)
            keys, values = [*keys, key], [*values, value]
            own = torch.stack(keys, dim=2), torch.stack(values, dim=2)
            hidden = hidden + attention(attention.query(x, at)[:, :, None], context, seen, own)[:, :, 0]
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
            found.append(hidden)
        out: Tensor = self.norm(torch.stack(found))
        return out

    def table(self) -> Tensor:
        """Return what its states are multiplied with, (few, width)."""
        return self.lm_head.weight

    def matrices(self) -> list[nn.Parameter]:
        """Return the weights of the linear layers below the head."""
        return [each for part in (self.fc, self.midlayer) for each in part.parameters() if each.ndim == 2]

    @torch.no_grad()
    def begin(self, embedding: Tensor, norm: Tensor, mlp: dict[str, Tensor]) -> None:
        """Start from the target: its head's rows, its last norm, and the MLP of one of its last layers."""
        self.lm_head.weight.copy_(embedding[self.get_buffer("few")])
        self.norm.weight.copy_(norm)
        self.midlayer.mlp.load_state_dict(mlp)
