"""An EAGLE-3 head written plainly from its authors' description: no cache, every row computed anew at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tests.engine.heads import LAYER, Format


class Reference:
    """The head of ``made`` with the tensors of its file, beside a target whose tensors are ``target``."""

    def __init__(self, made: Format, own: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
        self.made, self.own, self.layer = made, own, {**LAYER, **made.layer}
        self.table = own["embed_tokens.weight"] if made.table else target["model.embed_tokens.weight"]
        self.head = own.get("lm_head.weight", target["model.embed_tokens.weight"])

        self.heads = self.layer["num_attention_heads"], self.layer["num_key_value_heads"]

    def option(self, name: str) -> Any:
        return self.made.config.get(name, False)

    def norm(self, x: Tensor, name: str) -> Tensor:
        eps = float(self.layer["rms_norm_eps"])
        return x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt() * self.own[name]

    def linear(self, x: Tensor, name: str) -> Tensor:
        y = x @ self.own[f"{name}.weight"].T
        return y + self.own[f"{name}.bias"] if f"{name}.bias" in self.own else y

    def features(self, states: Sequence[Tensor]) -> Tensor:
        """Return what the target's states [n, width] of each layer that is read amount to, [n, width of the head]."""
        made = self.made
        if made.each:
            places = ("low", "mid", "high") if "aux" in made.each else range(len(states))
            names = [made.each.format(place) for place in places]
            states = [self.norm(state, name) for state, name in zip(states, names, strict=True)]
        joined = torch.cat(list(states), dim=-1)
        return self.linear(self.norm(joined, "input_norm.weight") if made.whole else joined, "fc")

    def turned(self, x: Tensor) -> Tensor:
        """Turn [n, heads, dim] by positions from 0 on."""
        parameters = self.layer.get("rope_parameters", self.layer)
        dim, theta = x.shape[-1], parameters.get("rope_theta", 10_000.0)
        angles = torch.arange(len(x))[:, None] * theta ** (-torch.arange(0, dim, 2) / dim)
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        first, second = x.chunk(2, dim=-1)
        return x * angles.cos() + torch.cat((-second, first), dim=-1) * angles.sin()

    def attention(self, x: Tensor) -> Tensor:
        name, heads, keys = f"{self.made.begin}self_attn.", *self.heads
        counts = {"q": heads, "k": keys, "v": keys}
        q, k, v = (self.linear(x, f"{name}{each}_proj").view(len(x), n, -1) for each, n in counts.items())
        if self.made.head_norms:
            q, k = self.norm(q, f"{name}q_norm.weight"), self.norm(k, f"{name}k_norm.weight")
        q, k = self.turned(q), self.turned(k)
        k, v = (each.repeat_interleave(heads // keys, dim=1) for each in (k, v))
        scores = torch.einsum("ihd,jhd->hij", q, k) / q.shape[-1] ** 0.5
        hidden = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
        weights = scores.masked_fill(hidden, -torch.inf).softmax(-1)
        return self.linear(torch.einsum("hij,jhd->ihd", weights, v).flatten(1), f"{name}o_proj")

    def rows(self, given: Tensor, following: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return what every row hands on, and its logits: features or what stands for them, and the tokens behind."""
        begin = self.made.begin
        normed = self.norm(given, f"{begin}hidden_norm.weight")
        tokens = self.norm(self.table[torch.tensor(following)], f"{begin}input_layernorm.weight")
        onto = normed if self.option("norm_before_residual") else given
        hidden = onto + self.attention(torch.cat((tokens, normed), dim=-1))
        inner = self.norm(hidden, f"{begin}post_attention_layernorm.weight")
        gate, up = (self.linear(inner, f"{begin}mlp.{name}_proj") for name in ("gate", "up"))
        hidden = hidden + self.linear(torch.nn.functional.silu(gate) * up, f"{begin}mlp.down_proj")
        read = self.norm(hidden, "norm.weight")
        return (read if self.option("norm_output") else hidden), read @ self.head.T

    def drafts(self, states: Sequence[Tensor], text: Sequence[int], guessed: Sequence[int]) -> Tensor:
        """Return the logits behind ``text`` and behind each of ``guessed``: [len(guessed) + 1, tokens it speaks of].

        ``states``: of all tokens of ``text`` but the last, which the target has not seen.
        """
        given, tokens, found = self.features(states), [*text[1:]], []
        for token in [*guessed, None]:
            handed, logits = self.rows(given, tokens)
            found.append(logits[-1])
            if token is not None:
                given, tokens = torch.cat((given, handed[-1:])), [*tokens, token]
        return torch.stack(found)
