"""Turns the joined projection into rotated queries and a written cache."""

from __future__ import annotations

from torch import Tensor

from engine.model.kernels.launch import kernel, launch
from engine.model.kernels.parameters import Argument

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
    kv_heads, _, head_dim = keys.shape
    query = qkv.new_empty(len(qkv), qkv.shape[1] // head_dim - 2 * kv_heads, head_dim)
    query_norm, key_norm = norms or (None, None)
    _launch(
        query,
        keys,
        qkv=qkv,
        cosine=cosine,
        sine=sine,
        query_norm=query_norm,
        key_norm=key_norm,
        start=start,
        idle=idle,
        values=values,
        eps=eps,
    )
    return query


def _launch(query: Tensor, keys: Tensor, **given: Argument) -> None:
    """Launch the kernel over each token's heads: of the query, the key and the value."""
    tokens, heads, head_dim = query.shape
    kv_heads, room, _ = keys.shape
    launch(
        kernel("rotate", "rotate", query.device, HEAD_DIM=head_dim),
        query.device,
        (tokens, -(-(heads + 2 * kv_heads) // WARPS)),
        32 * WARPS,
        0,
        query=query,
        keys=keys,
        heads=heads,
        kv_heads=kv_heads,
        room=room,
        **given,
    )
