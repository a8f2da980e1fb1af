"""Gathers what a few new tokens attend to, over a cache whose length only the device knows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.model.kernels.launch import kernel, launch
from engine.model.kernels.parameters import Argument

STEP = 128  # positions a CTA holds at a time
MOST_SPANS = 64
HEAD_DIMS = (64, 128)  # what the kernels of attention and rotation are tried with
ROWS = 16  # (token, query head) pairs of a block
THREADS = 128  # of a block
BLOCKS = 4  # most of a CTA
HEADS = 4  # of a CTA that adds spans up
TOKENS = 16  # of one launch


def span(room: int) -> int:
    """Return how many positions a CTA gathers: fixed by the cache's room, so never by the tokens or the length."""
    steps = -(-room // STEP)
    return STEP * -(-steps // MOST_SPANS)


def attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    start: Tensor,
    window: int | None = None,
    *,
    together: bool = False,
    idle: Tensor | None = None,
) -> Tensor:
    """Return what M new tokens gather from the cache, [M, heads, head_dim].

    ``query``: [M, heads, head_dim]; ``keys`` and ``values``: [kv_heads, room, head_dim]; ``start``: int32 [1] on the
    device, the first token's position. A token sees itself and what came before, no further back than ``window``
    positions counting itself. bf16 and contiguous, head_dim in HEAD_DIMS; sums in float32; a token's result depends
    neither on M nor on the cache's length. M above 16 runs in turns of 16. ``together``: all tokens, 16 at most, see
    each other, the later ones too. ``idle``: int32 [1] on the device; where it is not zero the result is left
    unwritten. ``start`` and the cache before it must be complete before the kernel ahead starts to write, as they are
    behind ``rotate``. Splits of the context as in Flash-Decoding, running maximum as in arXiv 2205.14135.
    """
    tokens, heads, head_dim = query.shape
    kv_heads, room, _ = keys.shape
    width = span(room)
    y = torch.empty_like(query)
    partial = query.new_empty(-(-room // width), min(tokens, TOKENS) * heads, head_dim, dtype=torch.float32)
    marks = partial.new_empty(*partial.shape[:2], 2)
    for offset in range(0, tokens, TOKENS):
        some = query[offset : offset + TOKENS]
        both: dict[str, Argument] = {
            "start": start,
            "idle": idle,
            "partial": partial,
            "marks": marks,
            "offset": offset,
            "tokens": len(some),
            "heads": heads,
            "kv_heads": kv_heads,
            "room": room,
            "span": width,
            "window": window or 0,
            "together": together,
        }
        _gather(some, keys, values, both)
        _join(y[offset:], some, both)
    return y


def _gather(query: Tensor, keys: Tensor, values: Tensor, both: dict[str, Argument]) -> None:
    """Launch what gathers, span by span, for at most TOKENS tokens; ``both``: what the kernel that joins reads, too."""
    tokens, heads, head_dim = query.shape
    kv_heads, room, _ = keys.shape
    held = 2 * STEP * (head_dim + 8) * 2  # keys and values, rows padded by 16 bytes
    told = ROWS * (32 + (STEP + 8) * 2)  # what the warps of a block tell each other, in bytes
    rows = -(-tokens * heads // kv_heads // ROWS)
    blocks = min(rows, BLOCKS)
    grid = -(-room // span(room)), kv_heads, -(-rows // blocks)
    launch(
        kernel("attention", "attend", query.device, held + BLOCKS * told, HEAD_DIM=head_dim, STEP=STEP),
        query.device,
        grid,
        THREADS * blocks,
        held + blocks * told,
        **both,
        query=query,
        keys=keys,
        values=values,
        scale=head_dim**-0.5 * math.log2(math.e),
    )


def _join(y: Tensor, query: Tensor, both: dict[str, Argument]) -> None:
    """Launch what adds the spans of ``query``'s tokens up into the first rows of ``y``."""
    tokens, heads, head_dim = query.shape
    code = kernel("attention", "join", query.device, HEAD_DIM=head_dim, STEP=STEP)
    launch(code, query.device, (tokens, -(-heads // HEADS)), 32 * HEADS, 0, **both, y=y)
