"""The weights of a loaded model lent to transformers, which then runs the same model its own way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from engine.architecture import Architecture
from engine.model import Transformer
from engine.model.block import Block
from engine.model.linear import Blocked, Dense, FourBit, Groups, Linear, Nf4, Stacked


def lent(model: Transformer, config: Any = None, *, dense: torch.dtype | None = None, far: bool = False) -> Any:
    """Return transformers' model over the weights of ``model``; the head is made dense.

    bitsandbytes multiplies by NF4 matrices, as in a checkpoint that transformers loads so; groups are unpacked at every
    product. ``config``: the model's own, as transformers reads it; None: made of the sizes, for a model that was drawn
    at random. ``dense``: of the same values in this dtype, which take four times the memory and are read many rows at a
    time much faster. ``far``: an embedding in the host's memory stays there.
    """
    from transformers import AutoModelForCausalLM

    shape = model.architecture
    config = config or _config(shape)
    with torch.device("meta"):
        made: Any = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    inner = made.model
    with model.device:
        inner.rotary_emb = type(inner.rotary_emb)(config)  # computed, so not among the weights
    inner.embed_tokens = Lookup(model.embedding if far else model.embedding.to(model.device))
    inner.norm.weight = _fixed(model.norm)
    made.lm_head.weight = _fixed(_dense(model.head).weight.to(model.dtype))
    for block, theirs in zip(model.blocks, inner.layers, strict=True):
        _lend(block, theirs, shape, dense=dense)
    return made.eval()


class Lookup(nn.Module):
    """The embedding, wherever it lies: the few rows that are read come over the bus where it is the host's memory."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight  # no parameter of it: transformers takes a model to be where its first parameter is

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the rows of ``tokens``, where these are."""
        return F.embedding(tokens.to(self.weight.device), self.weight).to(tokens.device)


class InGroups(nn.Module):
    """A product with a matrix in groups, which is there in 16 bits as long as it takes."""

    def __init__(self, matrix: Groups) -> None:
        super().__init__()
        self.matrix = matrix
        self.out_features, self.in_features = matrix.shape  # as others have them: see writing.records

    @property
    def weight(self) -> Tensor:
        """The weights one by one, bfloat16 [N, K]."""
        return self.matrix.dequantised(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., K] to [..., N]."""
        return F.linear(x, self.weight, self._parameters["bias"])


def _config(shape: Architecture) -> Any:
    """Return transformers' description of a model of ``shape`` with plain rotary positions."""
    from transformers import AutoConfig

    return AutoConfig.for_model(
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


def _lend(block: Block, theirs: Any, shape: Architecture, *, dense: torch.dtype | None) -> None:
    """Give a layer of theirs the weights of ``block``."""
    queries, values = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention, mlp = theirs.self_attn, theirs.mlp
    theirs.input_layernorm.weight = _fixed(block.attention_norm)
    theirs.post_attention_layernorm.weight = _fixed(block.mlp_norm)
    if block.head_norm is not None:
        attention.q_norm.weight, attention.k_norm.weight = (_fixed(block.head_norm[at]) for at in (0, -1))
    attention.q_proj, attention.k_proj, attention.v_proj = _cut(block.qkv, queries, values, values, dense=dense)
    (attention.o_proj,) = _cut(block.output, shape.width, dense=dense)
    mlp.gate_proj, mlp.up_proj = _cut(block.gate_up, shape.mlp, shape.mlp, dense=dense)
    (mlp.down_proj,) = _cut(block.down, shape.width, dense=dense)


def _cut(matrix: Linear, *rows: int, dense: torch.dtype | None) -> Iterator[nn.Module]:
    """Yield a module for each of the parts of so many ``rows``, over the same memory."""
    if isinstance(matrix, Stacked):
        for part, count in zip(matrix.parts, rows, strict=True):
            yield from _cut(part, count, dense=dense)
        return
    biases = [None] * len(rows) if matrix.bias is None else torch.split(matrix.bias, list(rows))
    made: list[nn.Module]
    if isinstance(matrix, Nf4) and dense is None:
        made = [_at_four_bits(matrix, part, count) for part, count in _parts(matrix, rows)]
    elif isinstance(matrix, Groups) and dense is None:
        ends = list(accumulate(rows))
        made = [InGroups(matrix.between(slice(end - count, end))) for end, count in zip(ends, rows, strict=True)]
    else:
        whole = _dense(matrix).weight
        made = [_dense_module(weight) for weight in torch.split(whole.to(dense or whole.dtype), list(rows))]
    for each, bias in zip(made, biases, strict=True):
        each.register_parameter("bias", None if bias is None else _fixed(bias))
        yield each


def _parts(matrix: Nf4, rows: Sequence[int]) -> Iterator[tuple[tuple[Tensor, Tensor], int]]:
    """Yield codes and scales of so many ``rows`` each."""
    whole = matrix.shape[0]
    packed, absmax = (torch.split(part.view(whole, -1), list(rows)) for part in (matrix.packed, matrix.scales))
    yield from zip(zip(packed, absmax, strict=True), rows, strict=True)


def _at_four_bits(matrix: Nf4, part: tuple[Tensor, Tensor], rows: int) -> nn.Module:
    """Return a module of bitsandbytes over ``part``, the codes and scales of ``rows`` rows of ``matrix``."""
    from bitsandbytes.functional import QuantState
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    (codes, scales), columns, dtype = part, matrix.shape[1], torch.bfloat16
    size = torch.Size((rows, columns))
    state = QuantState(  # type: ignore[no-untyped-call]
        scales.reshape(-1), size, matrix.code, matrix.blocksize, "nf4", dtype
    )
    made = Linear4bit(  # type: ignore[no-untyped-call]
        columns, rows, bias=False, compute_dtype=dtype, quant_type="nf4", device="meta"
    )
    made.weight = Params4bit(codes.reshape(-1, 1), quant_state=state, quant_type="nf4", bnb_quantized=True)
    return made


def _dense_module(weight: Tensor) -> nn.Module:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    made.weight = _fixed(weight)
    return made


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _dense(matrix: Linear) -> Dense:
    """Return ``matrix`` with its weights one by one; raises TypeError for one packed for a CPU's own kernels."""
    if isinstance(matrix, FourBit):
        return Dense(matrix.dequantised(), matrix.bias)
    if isinstance(matrix, Blocked):
        return matrix.dense()
    if not isinstance(matrix, Dense):
        raise TypeError(f"{type(matrix).__name__} is not lent")
    return matrix
