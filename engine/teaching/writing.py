"""The target's replies on a GPU, many at once: a row whose reply ends takes the next prompt, a CUDA graph is a step.

A prompt is fed token by token like a reply, so that one step serves all rows wherever they are. What all prompts begin
with is read once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.nn.attention import SDPBackend, sdpa_kernel

SAID, FIRST = 1 << 24, 1 << 25  # bits above a token on record: it is of a reply; it begins a row's next document
EVERY, MOST = 32, 16_384  # steps between two looks at how far it is, and how many there may be
Aside = Callable[[Callable[[], list[list[int]]]], None]  # takes what returns the replies so far
ALIGNED = 8  # places of a row: what the mask of the fused kernel comes in
FUSED = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]  # reads keys and values once; the other where there is none


def records(model: Any) -> bool:
    """Tell whether a step of ``model`` can be recorded: 16-bit weights on its device, layers that see all tokens."""
    layers = model.model.layers
    whole = set(getattr(model.config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
    parts = (part for layer in layers for part in layer.modules() if hasattr(part, "in_features"))
    near = model.model.embed_tokens.weight.device == model.lm_head.weight.device
    return whole and near and all(type(part) is nn.Linear for part in parts)


class Writer:
    """Rows of replies under way, each with a cache of its own and its own place in it."""

    def __init__(
        self,
        model: Any,
        ends: Collection[int],
        prompts: Sequence[Sequence[int]],
        warmths: Sequence[float],
        longest: int,
        rows: int,
    ) -> None:
        """As Frozen.write has them; ``rows``: how many replies are under way at a time."""
        self.model, rows, device = model, min(rows, len(prompts)), model.lm_head.weight.device
        begin = os.path.commonprefix([list(each[:-1]) for each in prompts])  # noqa: RUF071 - of tokens, no paths
        own = [torch.tensor(each[len(begin) :]) for each in prompts]
        self.prompts = nn.utils.rnn.pad_sequence(own, batch_first=True).to(device)
        self.lengths = torch.tensor([len(each) for each in own], device=device)
        self.warmths = torch.tensor(warmths, dtype=torch.float32, device=device)
        self.ends, self.longest = torch.tensor(sorted(ends), dtype=torch.int64, device=device), longest
        self.begin, whole = len(begin), len(begin) + self.prompts.shape[1] + longest
        width = -(-whole // ALIGNED) * ALIGNED
        config, kind = model.config, model.lm_head.weight.dtype
        self.head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        size = rows, config.num_key_value_heads, width, self.head
        self.past = [[torch.zeros(size, dtype=kind, device=device) for _ in range(2)] for _ in model.model.layers]
        self.row, self.slot = torch.arange(rows, device=device), torch.arange(width, device=device)
        turns = model.model.rotary_emb(torch.zeros(1, device=device), self.slot[None])
        self.turns = [each[0] for each in turns]  # cosines and sines (width, head) float32
        self.trace = torch.zeros(MOST, rows, dtype=torch.int32, device=device)
        self.at, self.taken = (torch.zeros(1, dtype=torch.int64, device=device) for _ in range(2))  # steps, prompts
        self.document, self.token, self.position = (torch.zeros_like(self.row) for _ in range(3))
        self._begun(begin)

    @torch.no_grad()
    def _begun(self, begin: Sequence[int]) -> None:
        """Read what all prompts begin with, and give every row its first."""
        for position, token in enumerate(begin):
            self._read(torch.full_like(self.token, token), torch.full_like(self.position, position))
        self._renew(torch.ones_like(self.row, dtype=torch.bool))

    def _read(self, token: Tensor, position: Tensor) -> Tensor:
        """Return the states (rows, width) that one more ``token`` of each row leaves; its keys and values are kept."""
        inner = self.model.model
        hidden = inner.embed_tokens(token)
        cos, sin = (each[position][:, None] for each in self.turns)
        unseen = torch.where(self.slot > position[:, None], -torch.inf, 0.0).to(hidden.dtype)[:, None, None]
        for layer, past in zip(inner.layers, self.past, strict=True):
            mixed = self._attended(layer.self_attn, layer.input_layernorm(hidden), past, (cos, sin), position, unseen)
            hidden = hidden + layer.self_attn.o_proj(mixed)
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        out: Tensor = inner.norm(hidden)
        return out

    def _attended(
        self, part: Any, x: Tensor, past: list[Tensor], turns: tuple[Tensor, Tensor], position: Tensor, unseen: Tensor
    ) -> Tensor:
        """Return what the heads of ``part`` make of all that a row has read, (rows, heads * head).

        ``unseen``: what is added to the scores of each place, (rows, 1, 1, width).
        """
        keys, values = past
        query, key, value = (each(x).view(len(x), -1, self.head) for each in (part.q_proj, part.k_proj, part.v_proj))
        if hasattr(part, "q_norm"):
            query, key = part.q_norm(query), part.k_norm(key)
        keys[self.row, :, position] = _turned(key, *turns)
        values[self.row, :, position] = value
        grouped = _turned(query, *turns).view(len(x), keys.shape[1], -1, self.head)
        with sdpa_kernel(FUSED):  # the heads of a group stand where a row's further tokens would
            mixed = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=unseen, scale=part.scaling)
        return mixed.reshape(len(x), -1)

    def _renew(self, ended: Tensor) -> None:
        """Give the rows that ``ended`` the next prompts; where there are no more, a row rests."""
        number = self.taken + ended.cumsum(0) - 1
        self.document.copy_(torch.where(ended, number, self.document))
        self.position.masked_fill_(ended, self.begin)
        first = self.prompts[self.document.clamp(max=len(self.prompts) - 1), 0]
        self.token.copy_(torch.where(ended, first, self.token))
        self.taken += ended.sum()

    def step(self) -> None:
        """Put every row's token on record, and find the next ones."""
        works, which = self.document < len(self.prompts), self.document.clamp(max=len(self.prompts) - 1)
        place, length = self.position - self.begin, self.lengths[which]
        bits = (place >= length) * SAID + (place == 0) * FIRST
        self.trace.index_copy_(0, self.at, (works * (self.token + bits))[None].int())
        self.at += 1
        scores = F.linear(self._read(self.token, self.position), self.model.lm_head.weight).float()
        noise = torch.empty_like(scores).exponential_().clamp_(min=1e-10).log_()
        drawn = scores.div_(self.warmths[which][:, None]).sub_(noise).argmax(-1)  # Gumbel's trick: a draw from the law
        asked = self.prompts[which, (place + 1).clamp(max=self.prompts.shape[1] - 1)]
        ended = (place >= length) & ((self.token[:, None] == self.ends).any(-1) | (place + 1 >= length + self.longest))
        self.token.copy_(torch.where(place + 1 >= length, drawn, asked))
        self.position += 1
        self._renew(ended & works)
        self.position.clamp_(max=len(self.slot) - 1)  # of a row that rests

    @torch.no_grad()
    def write(self, over: Callable[[], bool], aside: Aside = lambda _: None) -> list[list[int]]:
        """Return the replies, up to the end token where they came so far; ``over``: asked at times.

        So often ``aside`` is given what returns the replies so far.
        """
        step = self._recorded() if self.trace.is_cuda else self.step
        while int(self.at) + EVERY <= MOST:
            for _ in range(EVERY):
                step()
            if over() or int(self.document.min()) >= len(self.prompts):
                break
            aside(self._found)
        return self._found()

    def _found(self) -> list[list[int]]:
        """Return the replies on record."""
        trace = self.trace[: int(self.at)].T.cpu()
        replies: list[list[int]] = [[] for _ in range(len(self.prompts))]
        begins = ((trace & FIRST) > 0).nonzero().tolist()
        numbers = self._numbers(begins)
        for (row, first), after, number in zip(begins, [*begins[1:], [-1, 0]], numbers, strict=True):
            end = after[1] if after[0] == row else trace.shape[1]
            part = trace[row, first:end]
            replies[number] = (part[(part & SAID) > 0] & (SAID - 1)).tolist()
        return replies

    def _numbers(self, begins: list[list[int]]) -> list[int]:
        """Return which document begins at each (row, step): they are given out step by step, and row by row in one."""
        order = sorted(range(len(begins)), key=lambda each: (begins[each][1], begins[each][0]))
        numbers = [0] * len(begins)
        for number, each in enumerate(order):
            numbers[each] = number
        return numbers

    def _recorded(self) -> Callable[[], None]:
        """Return the step as a CUDA graph."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call] # torch leaves it untyped
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        return graph.replay


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn heads (rows, heads, head) by their positions, halves paired as in the Hub's Llama."""
    first, second = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-second, first), dim=-1) * sin).to(x.dtype)
