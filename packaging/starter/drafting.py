"""The starter's drafters at their beginning, and what the starter's target gives them to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from llama import EPSILON, HEAD, Llama
from pruned import normed
from torch import Tensor

from engine.teaching.block import Block
from engine.teaching.head import Head
from engine.teaching.layer import Sizes
from engine.teaching.learner import Learner
from engine.teaching.pupil import Ends, Text

LAYERS, BLOCK, RANK = 2, 7, 64  # the block's layers, guesses, and its Markov head's rank


@torch.no_grad()
def read(target: Llama, tokens: Tensor, said: Tensor) -> Text:
    """Let the target read ``tokens``; its shape says which states are wanted."""
    *found, last = target(tokens)
    return Text(tokens, said, dict(zip(target.shape.exits, found, strict=True)), normed(target, last))


def readings(target: Llama, texts: Iterable[tuple[Tensor, Tensor]]) -> Iterator[Text]:
    """Let the target read one of ``texts`` after another."""
    return (read(target, tokens, said) for tokens, said in texts)


class Taught(Learner):
    """A learner by the name of its folder, with what its card says of it."""

    def __init__(self, name: str, drafter: Head | Block, target: Llama, pace: float, *, again: bool) -> None:
        table = target.embed_tokens.weight
        super().__init__(drafter, Ends(table, table), pace, again=again)
        self.name, self.target = name, target
        self.evaluation: dict[str, Any] = {}
        self.before: list[Any] = []  # earlier courses


def new(name: str, target: Llama, settings: Mapping[str, Any], few: Tensor, mask: int) -> Head | Block:
    """Return a drafter at its beginning, on the target's device; a target of few layers is tapped where it can be."""
    shape, depth = target.shape, target.shape.layers
    ends = (1, depth - 3)
    spread = (round(ends[0] + step * (ends[1] - ends[0]) / 4) + 1 for step in range(5))
    taps = (2, depth // 2, depth - 3) if name == "head" else tuple(sorted(set(spread)))
    sizes = Sizes(
        *(shape.width, shape.heads, shape.kv_heads, HEAD, shape.mlp, settings["vocab_size"], len(few), taps, depth),
        theta=settings["rope_parameters"]["rope_theta"],
        epsilon=EPSILON,
        context=settings.get("max_position_embeddings", 2048),
    )
    table, norm = target.embed_tokens.weight, target.norm.weight
    mlps = [target.layers[depth - 2 + number].get_submodule("mlp").state_dict() for number in range(LAYERS)]
    drafter: Head | Block
    if name == "head":
        drafter = Head(sizes, few.cpu())
        drafter.to(table.device).begin(table, norm, mlps[0])
    else:
        drafter = Block(sizes, few.cpu(), LAYERS, BLOCK, mask, RANK)
        drafter.to(table.device).begin(table, norm, mlps)
    return drafter
