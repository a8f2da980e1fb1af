"""Random weights lent to transformers, which then runs the same model its own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from engine.architecture import Architecture
from engine.model import Transformer
from engine.model.block import Block
from engine.model.linear import Linear, Nf4


def lent(model: Transformer) -> Any:
    """Return transformers' model over the weights of ``model``, which random_transformer drew; the head made dense.

    bitsandbytes multiplies by the layers' matrices, as in a checkpoint that transformers loads at 4 bits.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = model.architecture
    config = AutoConfig.for_model(
        shape.family,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate_size=shape.mlp,
        vocab_size=shape.vocabulary,
        max_position_embeddings=shape.context,
        rms_norm_eps=shape.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope[1] ** (-shape.head_dim / 2)},
        tie_word_embeddings=False,
    )
    with torch.device("meta"):
        made: Any = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    inner = made.model
    with model.device:
        inner.rotary_emb = type(inner.rotary_emb)(config)  # computed, so not among the weights
    inner.embed_tokens.weight = _fixed(model.embedding.to(model.device))
    inner.norm.weight = _fixed(model.norm)
    made.lm_head.weight = _fixed(_dense(model.head, model.dtype))
    for block, theirs in zip(model.blocks, inner.layers, strict=True):
        _lend(block, theirs, shape)
    return made.eval()


def _lend(block: Block, theirs: Any, shape: Architecture) -> None:
    """Give a layer of theirs the weights of ``block``."""
    queries, values = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention, mlp = theirs.self_attn, theirs.mlp
    theirs.input_layernorm.weight = _fixed(block.attention_norm)
    theirs.post_attention_layernorm.weight = _fixed(block.mlp_norm)
    if block.head_norm is not None:
        attention.q_norm.weight, attention.k_norm.weight = (_fixed(block.head_norm[at]) for at in (0, -1))
    attention.q_proj, attention.k_proj, attention.v_proj = _cut(block.qkv, queries, values, values)
    (attention.o_proj,) = _cut(block.output, shape.width)
    mlp.gate_proj, mlp.up_proj = _cut(block.gate_up, shape.mlp, shape.mlp)
    (mlp.down_proj,) = _cut(block.down, shape.width)


def _cut(matrix: Linear, *rows: int) -> Iterator[nn.Module]:
    """Yield a module of bitsandbytes for each of the parts of so many ``rows``, over the same memory."""
    from bitsandbytes.functional import QuantState
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    assert isinstance(matrix, Nf4)  # noqa: S101 - as random_transformer draws them
    whole, columns = matrix.shape
    packed, absmax = (torch.split(part.view(whole, -1), list(rows)) for part in (matrix.packed, matrix.absmax))
    for count, codes, scales in zip(rows, packed, absmax, strict=True):
        size, dtype = torch.Size((count, columns)), torch.bfloat16
        state = QuantState(  # type: ignore[no-untyped-call]
            scales.reshape(-1), size, matrix.code, matrix.blocksize, "nf4", dtype
        )
        made = Linear4bit(  # type: ignore[no-untyped-call]
            columns, count, bias=False, compute_dtype=dtype, quant_type="nf4", device="meta"
        )
        made.weight = Params4bit(codes.reshape(-1, 1), quant_state=state, quant_type="nf4", bnb_quantized=True)
        yield made


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _dense(head: Linear, dtype: torch.dtype) -> Tensor:
    assert isinstance(head, Nf4)  # noqa: S101 - as random_transformer draws it
    return head.dequantised().to(dtype)
