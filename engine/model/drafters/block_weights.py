"""Loads what a drafter of blocks is made of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from engine.architecture.checking import Stored
from engine.architecture.drafters.block import (
    CONFIDENCE,
    CONFIDENCE_BIAS,
    CONTEXT_NORM,
    FC,
    HEAD,
    MARKOV_ROWS,
    MARKOV_SPREAD,
    NORM,
    BlockShape,
)
from engine.architecture.drafters.ids import AGAIN, IDS
from engine.architecture.holding import GROUPED, Holding
from engine.errors import CheckpointError
from engine.model.block import Block
from engine.model.linear import Dense, Linear, blocked, rows_of
from engine.model.tensors import Tensors


@dataclass(slots=True, eq=False)
class Markov:
    """What the token before adds to a law: ``rows`` [vocabulary, rank] is looked up, ``spread`` makes logits of it."""

    rows: Tensor
    spread: Linear

    def row(self, token: int) -> Tensor:
        """Return what is looked up for ``token``, float32 [1, rank]."""
        return self.rows[token : token + 1].float()

    def bias(self, token: int) -> Tensor:
        """Return what ``token`` adds to the logits behind it, float32 [1, columns]."""
        row = self.row(token)
        return self.spread(row.to(torch.bfloat16) if row.is_cuda else row).float()

    def of(self, tokens: Tensor | None) -> Markov:
        """Return the same for logits of ``tokens`` (int64 [m]) alone; None: for all."""
        return self if tokens is None else Markov(self.rows, rows_of(self.spread, tokens))


@dataclass(slots=True, eq=False)
class BlockWeights:
    """The weights of a drafter. ``head`` and the ``tokens`` it speaks of, int64 [m]: None where it reads the target's.

    ``confidence``: weight [n] and bias [1] of the confidence head, float32.
    """

    joining: Linear  # taps * width -> width
    context_norm: Tensor  # [width]
    layers: list[Block]
    norm: Tensor  # [width]
    head: Linear | None = None
    tokens: Tensor | None = None
    markov: Markov | None = None
    confidence: tuple[Tensor, Tensor] | None = None


def load_block(
    folder: Path, shape: BlockShape, stored: Mapping[str, Stored], device: torch.device, holding: Holding
) -> BlockWeights:
    """Load the drafter in ``folder``, whose files hold ``stored``; on a GPU its matrices are NF4, like a model's.

    Numbers that come and go are bfloat16 or float32, never float16, in which such drafters overflow. Raises
    CheckpointError for files that cannot be read.
    """
    try:
        with ExitStack() as files:
            tensors = Tensors(stored, shape.tensors(), device, holding.of(shape.decoder), files)
            weights = _weights(tensors, shape, folder)
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # see engine.model.loading
        return weights
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"Reading {folder} failed: {error}.", AGAIN) from error


def _weights(tensors: Tensors, shape: BlockShape, folder: Path) -> BlockWeights:
    layers = [tensors.block(shape.layer(index), shape.decoder, None) for index in range(shape.decoder.layers)]
    weights = BlockWeights(blocked(tensors.matrix(FC)), tensors.dense(CONTEXT_NORM), layers, tensors.dense(NORM))
    if shape.mapped:
        weights.head, weights.tokens = blocked(tensors.matrix(HEAD)), _tokens(tensors, shape, folder)
    if shape.markov:
        rows = tensors.plain(MARKOV_ROWS).to(tensors.device, torch.bfloat16, copy=True)  # one at a time is looked up
        packed = shape.form(MARKOV_SPREAD, 2, "16-bit", tensors.holding) in GROUPED
        spread = tensors.matrix(MARKOV_SPREAD) if packed else Dense(tensors.dense(MARKOV_SPREAD))
        weights.markov = Markov(rows, blocked(spread))
    if shape.confidence:
        weight, bias = (tensors.plain(name).float() for name in (CONFIDENCE, CONFIDENCE_BIAS))
        weights.confidence = weight.view(-1).to(tensors.device, copy=True), bias.to(tensors.device, copy=True)
    return weights


def _tokens(tensors: Tensors, shape: BlockShape, folder: Path) -> Tensor:
    """Return the tokens the drafter speaks of, int64 [m], each of the target and no two alike."""
    steps = tensors.raw(IDS).long()
    tokens = steps + torch.arange(len(steps))
    if len(set(tokens.tolist())) < len(tokens) or not 0 <= int(tokens.min()) <= int(tokens.max()) < shape.known:
        raise CheckpointError(f"{folder} holds {IDS} with tokens that the model does not have.", AGAIN)
    return tokens.to(tensors.device)
