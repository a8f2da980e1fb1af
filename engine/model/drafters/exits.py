"""Loads adapters at early exits: each a model of one layer, which takes in states where others embed tokens."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import SafetensorError

from engine.architecture.drafters.exits import NORM, ExitsShape
from engine.architecture.holding import Holding
from engine.architecture.weights import stored_in
from engine.errors import CheckpointError
from engine.files import AGAIN
from engine.model.tensors import Tensors
from engine.model.transformer import Transformer


def load_exits(folder: Path, shape: ExitsShape, target: Transformer, holding: Holding) -> Mapping[int, Transformer]:
    """Read the adapters in ``folder``, of the ``shape`` read there for ``target``, by the layers they come behind.

    Their head is the target's, and so is how ``holding`` holds them. Raises CheckpointError for files that cannot be
    used.
    """
    try:
        with ExitStack() as files:
            held = holding.of(shape.decoder)
            tensors = Tensors(stored_in(folder), shape.tensors(), target.device, held, files)
            found = {depth: _adapter(shape, depth, tensors, target) for depth in shape.depths}
        if target.device.type == "cuda":
            torch.cuda.synchronize(target.device)  # see engine.model.loading
        return found
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"Reading {folder} failed: {error}.", AGAIN) from error


def _adapter(shape: ExitsShape, depth: int, tensors: Tensors, target: Transformer) -> Transformer:
    block = tensors.block(shape.layer(depth), shape.decoder, None)
    norm = tensors.dense(shape.layer(depth) + NORM)
    return Transformer(shape.decoder, target.table, [block], norm, target.head)
