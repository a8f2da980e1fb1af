"""Attention of a few new tokens over a cache whose length only the device knows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.model.kernels.launch import kernel, launch

STEP = 128  # positions a CTA holds at a time
THREADS = 128
MOST_SPANS = 64
HEAD_DIMS = (64, 80, 96, 112, 128)
ROWS = 16  # (token, query head) pairs of a CTA


def span(room: int) -> int:
    """Return how many positions a CTA gathers: fixed by the cache's room, so never by the tokens or the length."""
    steps = -(-room // STEP)
    return STEP * -(-steps // MOST_SPANS)


def attend(query: Tensor, keys: Tensor, values: Tensor, start: Tensor, window: int | None = None) -> Tensor:
    """Return what M new tokens gather from the cache, [M, heads, head_dim].

    ``query``: [M, heads, head_dim], M up to 16; ``keys`` and ``values``: [kv_heads, room, head_dim]; ``start``: int32
    [1] on the device, the first token's position. A token sees itself and what came before, no further back than
    ``window`` positions counting itself. bf16 and contiguous, head_dim in HEAD_DIMS; sums in float32; a token's
    result depends neither on M nor on the cache's length. Splits of the context as in Flash-Decoding, running
    maximum as in arXiv 2205.14135.
    """
    tokens, heads, head_dim = query.shape
    kv_heads, room, _ = keys.shape
    width, device = span(room), query.device
    spans = -(-room // width)
    partial = query.new_empty(spans, tokens * heads, head_dim, dtype=torch.float32)
    marks = partial.new_empty(spans, tokens * heads, 2)
    y = query.new_empty(tokens, heads, head_dim)
    held = 2 * STEP * (head_dim + 8) * 2  # keys and values, rows padded by 16 bytes
    shared = max(held, THREADS // 32 * ROWS * (head_dim + 2) * 4)  # or the warps' sums with their marks
    shape = (tokens, heads, kv_heads, room, width, window or 0)
    launch(
        kernel("attention", "attend", device, shared, HEAD_DIM=head_dim, STEP=STEP),
        device,
        (spans, kv_heads, -(-(tokens * heads // kv_heads) // ROWS)),
        THREADS,
        shared,
        *(query, keys, values, start, partial, marks, *shape, head_dim**-0.5 * math.log2(math.e)),
    )
    gather = kernel("attention", "join", device, HEAD_DIM=head_dim, STEP=STEP)
    launch(gather, device, (tokens, heads), head_dim, 0, partial, marks, start, y, *shape)
    return y
