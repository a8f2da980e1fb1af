"""The target's own replies, many at once: a row that ends takes the next prompt, and nothing waits for the host.

A prompt is fed token by token like a reply, so that one step, on a GPU one CUDA graph, serves all rows wherever they
are. What all prompts begin with is computed once.
"""

from __future__ import annotations

import json
import lzma
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jinja2 import Environment
from llama import HEAD, Block, Llama, rotate
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

LEARN, START, HELD = 1 << 16, 1 << 17, 1 << 18  # bits above a token: it is of a reply; begins a document; is held out
WARMTH = (0.3, 0.7, 1.0)  # temperatures that replies are drawn at
JUDGED = 0.7  # the one of those held out
LONGEST_PROMPT = 160  # tokens


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prompts as tokens: ``begin`` that all share, the rest [N, longest] with their lengths; the first are held out."""

    begin: list[int]
    tokens: Tensor
    lengths: Tensor
    held: int
    ends: tuple[int, ...]


def read_prompts(file: Path, target: Path, part: int = 0, parts: int = 1) -> Prompts:
    """Return every ``parts``-th prompt of ``file``, the held-out ones first, as the target's template renders them.

    ``file``: JSON lines, perhaps compressed (.xz), of {"prompt": text} with "held": true for those never trained on.
    """
    with lzma.open(file, "rt", encoding="utf-8") if file.suffix == ".xz" else file.open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    random.Random(0).shuffle(found)
    found = found[part::parts]
    tokenizer = Tokenizer.from_file(str(target / "tokenizer.json"))
    before, after = _around(target)
    texts = [before + each["prompt"] + after for each in found]
    encoded = [each.ids for each in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    begin = list(os.path.commonprefix(encoded))  # noqa: RUF071 - of tokens, no paths
    fits = [len(begin) < len(ids) <= len(begin) + LONGEST_PROMPT for ids in encoded]
    chosen = [
        np.array(ids[len(begin) :])
        for held in (True, False)
        for each, ids, fit in zip(found, encoded, fits, strict=True)
        if fit and bool(each.get("held")) == held
    ]
    held = sum(fit and bool(each.get("held")) for each, fit in zip(found, fits, strict=True))
    lengths = np.array([len(row) for row in chosen])
    tokens = np.zeros((len(chosen), lengths.max()), dtype=np.int64)
    tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.concatenate(chosen)
    ends = json.loads((target / "generation_config.json").read_text(encoding="utf-8"))["eos_token_id"]
    ends = tuple(ends) if isinstance(ends, list) else (ends,)
    return Prompts(begin, torch.from_numpy(tokens), torch.from_numpy(lengths), held, ends)


def _around(target: Path) -> tuple[str, str]:
    """Return what the target's template puts before and after a first question."""
    render = Environment(autoescape=False).from_string(  # noqa: S701 - a prompt, no page
        (target / "chat_template.jinja").read_text(encoding="utf-8")
    )
    mark = "\x00"
    text = render.render(messages=[{"role": "user", "content": mark}], add_generation_prompt=True)
    before, _, after = text.partition(mark)
    return before, after


class Writer:
    """Rows of replies under way, each with a cache of ``width`` positions and its own place in it."""

    def __init__(self, target: Llama, prompts: Prompts, rows: int, width: int, steps: int) -> None:
        self.model, self.width, device = target, width, target.embed_tokens.weight.device
        self.layers = [layer for layer in target.layers if isinstance(layer, Block)]
        self.begin = len(prompts.begin)
        self.tokens, self.lengths = prompts.tokens.to(device), prompts.lengths.to(device)
        self.held, self.ends = prompts.held, torch.tensor(prompts.ends, device=device)
        self.warmths = torch.tensor(WARMTH, device=device)
        size = (rows, target.shape.kv_heads, width, HEAD)
        kind = target.embed_tokens.weight.dtype
        self.keys, self.values = (
            [torch.zeros(size, dtype=kind, device=device) for _ in target.layers] for _ in range(2)
        )
        self.row, self.slot = torch.arange(rows, device=device), torch.arange(width, device=device)
        self.trace = torch.zeros(steps, rows, dtype=torch.int32, device=device)
        self.at = torch.zeros(1, dtype=torch.int64, device=device)  # the step
        self.taken = torch.zeros(1, dtype=torch.int64, device=device)  # prompts so far
        self.prompt, self.token = (torch.zeros(rows, dtype=torch.int64, device=device) for _ in range(2))
        self.position = torch.full((rows,), self.begin, device=device)
        self.warmth = torch.ones(rows, device=device)
        with torch.no_grad():
            for position, token in enumerate(prompts.begin):
                self._forward(torch.full_like(self.token, token), torch.full_like(self.position, position))
            self._renew(torch.ones_like(self.row, dtype=torch.bool))

    def _forward(self, token: Tensor, position: Tensor) -> Tensor:
        """Return the hidden states [rows, width] of one more ``token`` a row; its keys and values are kept."""
        hidden = self.model.embed_tokens(token)
        cos, sin = (self.model.get_buffer(name)[position][:, None] for name in ("cos", "sin"))
        unseen = (self.slot > position[:, None])[:, None, None]
        for layer, keys, values in zip(self.layers, self.keys, self.values, strict=True):
            x, heads = layer.input_layernorm(hidden), layer.self_attn
            query, key, value = (p(x).view(len(x), -1, HEAD) for p in (heads.q_proj, heads.k_proj, heads.v_proj))
            keys[self.row, :, position] = rotate(key, cos, sin)
            values[self.row, :, position] = value
            grouped = rotate(query, cos, sin).view(len(x), keys.shape[1], -1, HEAD)
            scores = (grouped @ keys.mT).float().mul_(HEAD**-0.5).masked_fill_(unseen, -torch.inf)
            mixed = scores.softmax(-1).to(values.dtype) @ values
            hidden = hidden + heads.o_proj(mixed.view(len(x), -1))
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        out: Tensor = self.model.norm(hidden)
        return out

    def _renew(self, ended: Tensor) -> None:
        """Give the rows that ``ended`` the next prompts; those held out come once, the others again and again."""
        number = self.taken + ended.cumsum(0) - 1
        again = self.held + (number - self.held) % max(1, len(self.lengths) - self.held)
        prompt = torch.where(number < self.held, number, again)
        drawn = self.warmths[torch.randint_like(number, len(WARMTH))]
        self.warmth.copy_(torch.where(ended, torch.where(number < self.held, JUDGED, drawn), self.warmth))
        self.prompt.copy_(torch.where(ended, prompt, self.prompt))
        self.position.masked_fill_(ended, self.begin)
        self.token.copy_(torch.where(ended, self.tokens[self.prompt, 0], self.token))
        self.taken += ended.sum()

    def step(self) -> None:
        """Put every row's token on record, and find the next ones."""
        place = self.position - self.begin
        bits = (place >= self.lengths[self.prompt]) * LEARN + (place == 0) * (START + (self.prompt < self.held) * HELD)
        self.trace.index_copy_(0, self.at, (self.token + bits)[None].int())
        self.at += 1
        scores = F.linear(self._forward(self.token, self.position), self.model.embed_tokens.weight).float()
        noise = torch.empty_like(scores).exponential_().clamp_(min=1e-10).log_()
        drawn = scores.div_(self.warmth[:, None]).sub_(noise).argmax(-1)  # Gumbel's trick: a draw from the law
        said = place + 1 >= self.lengths[self.prompt]
        asked = self.tokens[self.prompt, (place + 1).clamp(max=self.tokens.shape[1] - 1)]
        ended = (place >= self.lengths[self.prompt]) & (self.token[:, None] == self.ends).any(-1)
        ended |= self.position + 1 >= self.width
        self.token.copy_(torch.where(said, drawn, asked))
        self.position += 1
        self._renew(ended)

    @torch.no_grad()
    def write(self, seconds: float, say: Callable[[str], None]) -> NDArray[np.int32]:
        """Write for ``seconds``, 32 tokens a row at least.

        Returns the documents one after another, each beginning where START is set.
        """
        step = self._recorded() if self.trace.is_cuda else self.step
        began, told = time.monotonic(), 0.0
        while self.steps() + 32 <= len(self.trace):
            for _ in range(32):
                step()
            now = time.monotonic() - began
            if now >= seconds:
                break
            if now - told > 15:
                said = int((self.trace[: self.steps()] & LEARN > 0).sum())
                say(f"{said / 1e6:.2f} M tokens of replies, {said / now / 1e3:.0f} ktok/s, step {self.steps()}")
                told = now
        return self.trace[: self.steps()].T.cpu().numpy().reshape(-1)

    def steps(self) -> int:
        """Return how many steps were made; waits for the device."""
        return int(self.at)

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


@dataclass(frozen=True, slots=True)
class Texts:
    """Documents on a device: ``tokens`` with the LEARN bit, one document after another; ``starts`` and ``lengths``."""

    begin: Tensor
    tokens: Tensor
    starts: Tensor
    lengths: Tensor

    def batch(self, which: Tensor, longest: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the tokens [rows, longest] of the documents ``which``, and where the next one is of a reply.

        With ``longest``, none of them being longer, nothing waits for the device.
        """
        most = int(self.lengths[which].max()) + len(self.begin) if longest is None else longest
        place = torch.arange(most - len(self.begin), device=which.device)
        inside = place < self.lengths[which][:, None]
        stored = self.tokens[(self.starts[which][:, None] + place).clamp(max=len(self.tokens) - 1)] * inside
        whole = torch.cat((self.begin.expand(len(which), -1), stored), dim=1)
        return whole & (LEARN - 1), F.pad(whole[:, 1:] & LEARN > 0, (0, 1))


def documents(flat: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return where the documents of a writer begin, how many tokens each has, and which are held out."""
    starts = np.flatnonzero(flat & START)
    return starts, np.diff(np.append(starts, len(flat))), (flat[starts] & HELD) > 0


def held_out(flat: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the documents of a writer that are held out, one after another."""
    _, lengths, held = documents(flat)
    return flat[np.repeat(held, lengths)]


def gathered(found: list[NDArray[np.int32]], begin: list[int], device: torch.device) -> Mapping[bool, Texts]:
    """Return what the writers ``found``: False to train on, True held out; documents without a reply are left out."""
    flat = np.concatenate(found)
    starts, lengths, held = documents(flat)
    says = np.add.reduceat((flat & LEARN) > 0, starts) > 1
    tokens = torch.from_numpy(flat & (2 * LEARN - 1)).to(device).long()
    common = torch.tensor(begin, device=device)

    def some(which: NDArray[np.bool_]) -> Texts:
        at, length = (torch.from_numpy(each[which].astype(np.int64)).to(device) for each in (starts, lengths))
        return Texts(common, tokens, at, length)

    return {False: some(says & ~held), True: some(says & held)}
