"""Loads a checkpoint folder as a Transformer, tensor by tensor."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from engine.architecture.holding import GROUPED, Holding
from engine.architecture.shape import HEAD, NORM, TABLE
from engine.config import Weights
from engine.errors import CheckpointError, DeviceError
from engine.files import AGAIN
from engine.model.block import Block
from engine.model.checkpoint import Checkpoint, open_checkpoint
from engine.model.kernels import available
from engine.model.linear import Dense, Linear, blocked, quantised
from engine.model.packed import Packed
from engine.model.packing import refusal
from engine.model.streaming import Bus
from engine.model.tensors import Tensors
from engine.model.transformer import Transformer
from engine.placement import Placement


def load(
    folder: Path,
    device: torch.device,
    *,
    dense_head: bool = False,
    dense: bool = False,
    weights: Weights = "exact",
    placement: Placement | None = None,
) -> Generator[float, None, Transformer]:
    """Yield the fraction read, 0 to 1, and return the model.

    On a CPU ``weights`` says what becomes of them: float32 all of them ("exact", and where this processor or the model
    leaves no choice), or packed. Grouped ones then stay as they are, and with "stored" NF4 ones too; all others get 8
    bits, or 4 as asked, which embedding and head do not. On a GPU activations, norms and embeddings are bfloat16 and
    every matrix, a large tied head too, has 4 bits: NF4 and groups of 4 bits stay as they are, groups of 8 are made 4
    beside those, and all others NF4 as they arrive. So are groups where our kernel does not run, or where a layer has
    matrices that are none (see Holding.of). ``dense_head`` keeps the head in 16 bits there, ``dense`` every matrix,
    packed ones unpacked. At no time is more than a few matrices held twice. ``placement``: which layers stay on the
    device, None for all; the others are taken there one by one, to be held as those are, and then lie in the host's
    memory. Raises CheckpointError for a folder that cannot be used and DeviceError when the device's memory runs out.
    """
    checkpoint = open_checkpoint(folder)
    on_gpu = device.type == "cuda"
    packs = not on_gpu and weights != "exact" and not refusal()
    asked = Holding("cuda" if on_gpu else "cpu", weights if packs else "exact", dense_head, dense)
    try:
        with ExitStack() as files:
            multiplies = not on_gpu or available(device).name == "updraft"
            kept = checkpoint.kept() if multiplies else {}  # else groups are made NF4
            loader = _Loader(checkpoint, device, files, asked.of(checkpoint.architecture, kept))
            model = yield from loader.model(placement)
        if on_gpu:
            torch.cuda.synchronize(device)  # our kernels read a weight before the work ahead of them has ended
            available(device)  # their self-test, here rather than in the first reply
        return model
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"The model in {folder} does not fit the memory of {device}.",
            "Close other programs that use the GPU, or choose a smaller model.",
        ) from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"Reading {folder} failed: {error}.", AGAIN) from error


class _Loader:
    """One pass over the tensors of a checkpoint."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, files: ExitStack, holding: Holding) -> None:
        self.architecture, self.holding = checkpoint.architecture, holding
        shapes = checkpoint.dimensions.tensors()
        self.tensors = Tensors(checkpoint.stored, shapes, device, holding, files)
        self.tied = HEAD not in shapes
        self.shared = self.tied and holding.shares(checkpoint.dimensions.embedding)

    def model(self, placement: Placement | None = None) -> Generator[float, None, Transformer]:
        steps = self.architecture.layers + 2  # embedding and head count as a layer each
        yield 0.0
        table = self.table()
        yield 1 / steps
        away = placement.away if placement else ()
        bus, layers = Bus(self.tensors.device) if away else None, dict[int, Block]()
        for index, window in enumerate(self.architecture.windows):
            block = self.tensors.block(self.architecture.layer(index), self.architecture, window)
            if bus is not None and index in away:
                bus.take(index, block)
            else:
                layers[index] = block
            yield (index + 2) / steps
        norm, head = self.tensors.dense(NORM), self.head(table)
        yield 1.0
        layers |= {} if bus is None else bus.blocks()
        return Transformer(self.architecture, table, [layers[at] for at in sorted(layers)], norm, head, bus)

    def table(self) -> Tensor | Packed:
        """Return the embedding; see Holding.on_host."""
        tensors = self.tensors
        if tensors.form(TABLE) in GROUPED:
            return tensors.grouped(TABLE, None)
        if self.holding.on_host(shared=self.shared):
            return tensors.plain(TABLE).to(tensors.dtype).pin_memory()
        return tensors.dense(TABLE)

    def head(self, table: Tensor | Packed) -> Linear:
        if not self.tied:
            return blocked(self.tensors.matrix(HEAD))
        if isinstance(table, Packed):
            return table
        if self.shared:
            return Dense(table)
        return blocked(Dense(table)) if self.holding.device == "cpu" else quantised(table.to(self.tensors.device))
