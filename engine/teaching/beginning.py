"""A drafter before it has learnt anything: its sizes are the target's, and parts of it begin as the target's own."""

from __future__ import annotations

from torch import Tensor

from engine.architecture import Architecture
from engine.teaching.block import Block
from engine.teaching.draft import Draft, kept, pruned
from engine.teaching.exits import Exits
from engine.teaching.frozen import Frozen
from engine.teaching.head import Head
from engine.teaching.layer import Sizes
from engine.teaching.learner import Learner

LAYERS, BLOCK, RANK = 2, 7, 64  # a block's layers, guesses, and its Markov head's rank


def head(target: Frozen, few: Tensor) -> Learner:
    """Return an EAGLE-3 head of ``target`` that guesses among the tokens ``few``, ready to learn."""
    sizes = sizes_of(target.shape, len(few), usual_taps(target.shape.layers))
    drafter = Head(sizes, few).to(target.device)
    drafter.begin(target.ends.head, target.norm, target.mlp(target.shape.layers - 2))
    return Learner(drafter, target.ends)


def block(target: Frozen, few: Tensor, mask: int = 0) -> Learner:
    """Return a DSpark block of ``target`` that guesses among the tokens ``few``; ``mask``: one not known yet."""
    depth = target.shape.layers
    spread = (round(1 + step * (depth - 4) / 4) + 1 for step in range(5))
    sizes = sizes_of(target.shape, len(few), tuple(sorted(set(spread))))
    drafter = Block(sizes, few, LAYERS, BLOCK, mask, RANK).to(target.device)
    drafter.begin(target.ends.head, target.norm, [target.mlp(depth - LAYERS + layer) for layer in range(LAYERS)])
    return Learner(drafter, target.ends)


def draft(target: Frozen, few: Tensor, layers: int) -> Draft:
    """Return a model of so many ``layers`` of ``target``, read for the tokens ``few``, ready to learn."""
    return Draft(target, pruned(target, kept(target.shape.layers, layers)), few)


def qualifier(target: Frozen, few: Tensor, layers: int) -> Draft:
    """Return what ``draft`` does, read for all tokens."""
    return Draft(target, pruned(target, kept(target.shape.layers, layers)), few, drafts=False)


def exits(target: Frozen, _few: Tensor) -> Exits:
    """Return adapters at early exits of ``target``, which guess among all its tokens, ready to learn."""
    return Exits(target)


def usual_taps(layers: int) -> tuple[int, ...]:
    """Return which layers of a target of so many a head reads the inputs of."""
    return (2, layers // 2, layers - 3)


def sizes_of(shape: Architecture, few: int, taps: tuple[int, ...]) -> Sizes:
    """Return the sizes of a drafter with layers like those of ``shape``, reading what enters its layers ``taps``."""
    return Sizes(
        width=shape.width,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head=shape.head_dim,
        mlp=shape.mlp,
        vocabulary=shape.vocabulary,
        few=few,
        taps=taps,
        depth=shape.layers,
        theta=shape.rope[1] ** (-shape.head_dim / 2),  # the second pair turns by theta to the power of -2 / head_dim
        epsilon=shape.norm_eps,
        context=shape.context,
    )
