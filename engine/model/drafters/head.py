"""An EAGLE-3 head (arXiv 2503.01840): one layer that guesses the next token from what the target made of the last one.

Row i takes the features of token i, which are states from several depths of the target, and the embedding of token
i + 1; it predicts token i + 2. Where the target has not been yet, what the row before handed on stands for features.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from engine.architecture import Architecture
from engine.architecture.drafters import HeadShape
from engine.architecture.drafters.head import HEAD, TABLE
from engine.architecture.drafters.ids import IDS
from engine.architecture.holding import GROUPED, Holding
from engine.architecture.weights import stored_in
from engine.errors import CheckpointError
from engine.files import AGAIN
from engine.model.block import Block, Operations
from engine.model.decode import KernelOperations, unfit
from engine.model.drafters.head_steps import HeadSteps
from engine.model.linear import Dense, Linear, blocked, rows_of
from engine.model.packed import Packed
from engine.model.past import Past
from engine.model.rotary import Rotation
from engine.model.tensors import Tensors
from engine.model.torch_ops import TorchOperations
from engine.model.transformer import Transformer, embedded

FEW = 6  # rows that our kernels for one run sooner than torch's operators do at once


@dataclass(slots=True, eq=False)
class Weights:
    """What a head is made of; ``table`` and ``read`` may be the target's own.

    ``tokens``: int64 [m], those it speaks of; None for all. ``norms``: before ``fc``: none, one of all features
    together, or one of each.
    """

    table: Tensor | Packed
    norms: tuple[Tensor, ...]
    fc: Linear  # features -> width
    hidden_norm: Tensor  # [width]
    block: Block  # its first product reads an embedding and features side by side
    norm: Tensor  # [width]
    read: Linear  # width -> tokens
    tokens: Tensor | None


class Head:
    """A head beside the target it was made for; what it remembers of a conversation lies in a Past."""

    def __init__(self, shape: HeadShape, weights: Weights) -> None:
        self.shape, self.weights = shape, weights
        self.rotation = Rotation(shape.decoder, self.device, self.dtype)
        self.steps = self._steps()

    @property
    def architecture(self) -> Architecture:
        """The shape of its layer."""
        return self.shape.decoder

    @property
    def device(self) -> torch.device:
        """Where the weights lie, all but perhaps the embedding."""
        return self.weights.norm.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of what goes through it."""
        return self.weights.norm.dtype

    @property
    def embedding(self) -> Tensor:
        """Its embedding, float [vocabulary, width]; of packed weights a copy."""
        table = self.weights.table
        return table.dequantised() if isinstance(table, Packed) else table

    @property
    def apart(self) -> bool:
        """Whether the features of each tap have a norm of their own."""
        return len(self.weights.norms) == len(self.shape.taps) > 1

    def new_past(self, limit: int, room: int) -> Past:
        """Return an empty past that may hold ``limit`` positions, ``room`` of them reserved at once."""
        self.rotation.reach(room)
        shape = (self.architecture.kv_heads, self.architecture.head_dim)
        dtype = torch.half if self.steps else self.dtype
        return Past.empty(shape, limit, min(limit, room), self.device, dtype)

    def embed(self, ids: Tensor) -> Tensor:
        """Return the rows of int64 ``ids`` [n] of its embedding, [n, width]."""
        return embedded(self.weights.table, ids, self.device)

    def features(self, states: Sequence[Tensor], ops: Operations) -> Tensor:
        """Return [n, width], made of what the target's layers left for n tokens: ``states`` of each tap, in order."""
        if self.apart:
            states = [ops.norm(each, norm) for each, norm in zip(states, self.weights.norms, strict=True)]
        return self.joined(torch.cat(list(states), dim=1), ops)

    def joined(self, states: Tensor, ops: Operations) -> Tensor:
        """Return the same of states side by side, [n, taps * width of the target], normed where ``apart``."""
        if self.weights.norms and not self.apart:
            states = ops.norm(states, self.weights.norms[0])
        return ops.product(self.weights.fc, states, self.weights.block.qkv)

    def given(self, states: Tensor, ops: Operations) -> Tensor:
        """Return the same of states [taps, n, width of the target] where ``apart``, else side by side; see features."""
        return self.features(states.unbind(), ops) if self.apart else self.joined(states, ops)

    def step(self, given: Tensor, embedding: Tensor, ops: Operations, past: Past) -> tuple[Tensor, Tensor]:
        """Run rows [n, width]; return what each hands on to the next, and what its logits are read from.

        ``given``: features of tokens, or what the row before handed on; ``embedding``: of the tokens behind them.
        """
        weights = self.weights
        both, onto = self._both(given, embedding, ops)
        hidden = weights.block.beyond(both, onto, ops, past, weights.read)
        read = ops.norm(hidden, weights.norm)
        return (read if self.shape.norm_output else hidden), read

    def note(self, given: Tensor, embedding: Tensor, ops: Operations, past: Past) -> None:
        """Leave in ``past`` what rows behind these look back on: all that is left of a row when it is run; see step."""
        block = self.weights.block
        both, _ = self._both(given, embedding, ops)
        ops.turn(ops.product(block.qkv, both, None), block.head_norm, past)

    def _both(self, given: Tensor, embedding: Tensor, ops: Operations) -> tuple[Tensor, Tensor]:
        """Return what queries, keys and values are made of, [n, 2 * width], and what their layer adds to."""
        weights, width = self.weights, embedding.shape[1]
        if isinstance(ops, KernelOperations) and not self.shape.norm_before_residual:  # side by side at once
            both = given.new_empty(len(given), 2 * width)
            ops.norm(embedding, weights.block.attention_norm, out=both[:, :width])
            ops.norm(given, weights.hidden_norm, out=both[:, width:])
            return both, given
        normed = ops.norm(given, weights.hidden_norm)
        both = torch.cat((ops.norm(embedding, weights.block.attention_norm), normed), dim=1)
        return both, normed if self.shape.norm_before_residual else given

    def rows(self, given: Tensor, ids: Tensor, past: Past) -> tuple[Tensor, Tensor]:
        """Run rows behind those of ``past``; return what the last hands on [1, width], and its logits [1, tokens].

        ``given``: see step, [n, width]; ``ids``: int64 [n], the tokens behind.
        """
        embedding = self.embed(ids)
        if self.steps and len(ids) <= FEW:
            return self.steps.extend(given, embedding, past)
        ops = self.operations(past, len(ids))
        handed, read = self.step(given, embedding, ops, past)
        past.length += len(ids)
        return handed[-1:], self.weights.read(read[-1:]).float()

    def operations(self, past: Past, rows: int) -> TorchOperations:
        """Return what computes ``rows`` behind those that ``past`` holds, and make room for them."""
        stop = past.length + rows
        past.reserve(stop)
        return TorchOperations(self.rotation, past.length, stop, self.architecture.norm_eps)

    def placed(self, past: Past, start: Tensor, rows: int, idle: Tensor | None) -> Operations:
        """Return what computes ``rows`` from position ``start`` (int32 [1]) on, which only the device knows.

        As ``decode`` of a model: on a CPU it is computed as ever, whatever ``idle`` says.
        """
        if self.device.type == "cpu":
            past.length = int(start)
            return self.operations(past, rows)
        return KernelOperations(self.rotation, self.architecture.norm_eps, start, idle)

    @property
    def refusal(self) -> str:
        """Why its passes cannot be recorded on its device, "" where they can."""
        read = self.weights.read
        matrices = [self.weights.fc, *self.weights.block.matrices, *([] if isinstance(read, Dense) else [read])]
        return "" if self.device.type == "cpu" else unfit(self.architecture.head_dim, matrices)

    def _steps(self) -> HeadSteps | None:
        """Return what runs a row by our own kernels, None where they do not know it, or keep no normed states."""
        if self.shape.norm_before_residual or self.shape.norm_output or self.device.type != "cpu":
            return None
        weights = self.weights
        try:
            of = weights.block, self.rotation, weights.hidden_norm, weights.norm, weights.read
            return HeadSteps(self.architecture, *of)
        except ValueError:
            return None

    def spoken(self, vocabulary: int) -> tuple[Tensor | None, Tensor | None]:
        """Return the tokens below ``vocabulary`` that it speaks of (int64 [m]), and the columns that have them.

        None: all of them. A target has more rows than its tokenizer tokens, and a head may speak of any.
        """
        tokens = self.weights.tokens
        if tokens is None or bool((tokens < vocabulary).all()):
            return tokens, None
        kept = (tokens < vocabulary).nonzero().squeeze(1)
        return tokens[kept], kept

    def within(self, vocabulary: int) -> tuple[Linear, Tensor | None]:
        """Return what reads tokens below ``vocabulary`` alone, and which these are; see spoken."""
        tokens, kept = self.spoken(vocabulary)
        return (self.weights.read if kept is None else rows_of(self.weights.read, kept)), tokens


def load_head(folder: Path, shape: HeadShape, target: Transformer, holding: Holding) -> Head:
    """Read the head in ``folder``, of the ``shape`` read there for ``target``; held as ``holding`` holds models.

    On a GPU matrices are NF4, what goes through them is bfloat16; its embedding stays in the host's memory, as a
    target's does. Raises CheckpointError for files that cannot be used.
    """
    try:
        with ExitStack() as files:
            tensors = Tensors(stored_in(folder), shape.tensors(), target.device, shape.held(holding), files)
            head = Head(shape, _weights(shape, tensors, target))
        if target.device.type == "cuda":
            torch.cuda.synchronize(target.device)  # see engine.model.loading
        return head
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"Reading {folder} failed: {error}.", AGAIN) from error


def _weights(shape: HeadShape, tensors: Tensors, target: Transformer) -> Weights:
    (window,) = shape.decoder.windows
    return Weights(
        table=_table(tensors) if shape.own_table else target.table,
        norms=tuple(tensors.dense(name) for name in shape.norms),
        fc=blocked(tensors.matrix("fc.weight")),
        hidden_norm=tensors.dense(f"{shape.layer}hidden_norm.weight"),
        block=tensors.block(shape.layer, shape.decoder, window),
        norm=tensors.dense("norm.weight"),
        read=blocked(tensors.matrix(HEAD)) if shape.own_head else target.head,
        tokens=_tokens(shape, tensors) if shape.mapped else None,
    )


def _table(tensors: Tensors) -> Tensor | Packed:
    if tensors.device.type == "cuda":
        return tensors.plain(TABLE).to(tensors.dtype).pin_memory()
    return tensors.grouped(TABLE, None) if tensors.form(TABLE) in GROUPED else tensors.dense(TABLE)


def _tokens(shape: HeadShape, tensors: Tensors) -> Tensor:
    """Return the target's ids of the tokens it speaks of; raises CheckpointError where they cannot be."""
    differences = tensors.raw(IDS).long()  # from a token's place among them
    tokens = torch.arange(len(differences)) + differences
    vocabulary = shape.target[1]
    if tokens.min() < 0 or tokens.max() >= vocabulary or len(set(tokens.tolist())) < len(tokens):
        raise CheckpointError(
            f"{tensors.stored[IDS].file} gives by {IDS} tokens that are not below {vocabulary:,}, or one twice.",
            AGAIN,
        )
    return tokens.to(tensors.device)
