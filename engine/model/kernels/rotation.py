"""Turns the joined projection into rotated queries and a written cache."""

from __future__ import annotations

from torch import Tensor

from engine.model.kernels.launch import kernel, launch

WARPS = 4  # heads of a CTA


def rotate(
    qkv: Tensor,
    cosine: Tensor,
    sine: Tensor,
    start: Tensor,
    keys: Tensor,
    values: Tensor,
    norms: tuple[Tensor, Tensor] | None = None,
    eps: float = 0.0,
    *,
    idle: Tensor | None = None,
) -> Tensor:
    """Turn queries and keys by their positions, write keys and values into the cache, return the queries.

    ``qkv``: [M, (heads + 2 * kv_heads) * head_dim]; ``cosine`` and ``sine``: [positions, head_dim], the first half
    of ``sine`` negated (engine.model.rotary); ``start``: int32 [1] on the device, the first token's position;
    ``keys`` and ``values``: [kv_heads, room, head_dim], of which positions start .. start + M - 1 are written.
    ``norms``: weights [head_dim] of the query's and the key's norm, which come first. Returns [M, heads,
    head_dim]. All bf16 and contiguous; head_dim 64 or 128; computed in float32, rounded once. ``idle``: int32 [1] on
    the device; where it is not zero nothing is written. arXiv 2104.09864.
    """
    kv_heads, room, head_dim = keys.shape
    tokens, width = qkv.shape
    parts = width // head_dim
    heads = parts - 2 * kv_heads
    query = qkv.new_empty(tokens, heads, head_dim)
    query_norm, key_norm = norms or (None, None)
    launch(
        kernel("rotate", "rotate", qkv.device, HEAD_DIM=head_dim),
        qkv.device,
        (tokens, -(-parts // WARPS)),
        32 * WARPS,
        0,
        qkv=qkv,
        cosine=cosine,
        sine=sine,
        query_norm=query_norm,
        key_norm=key_norm,
        start=start,
        idle=idle,
        query=query,
        keys=keys,
        values=values,
        heads=heads,
        kv_heads=kv_heads,
        room=room,
        eps=eps,
    )
    return query
