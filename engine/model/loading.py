"""Loads a checkpoint folder as a Transformer, tensor by tensor."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.architecture.holding import GROUPED, Form, Holding
from engine.architecture.shape import HEAD, NORM, TABLE, Product
from engine.config import Weights
from engine.errors import CheckpointError, DeviceError
from engine.files import AGAIN
from engine.model.block import Block
from engine.model.checkpoint import Checkpoint, open_checkpoint
from engine.model.cpu.layout import EIGHT, FOUR, GROUP, NF4
from engine.model.fourbit import read_nf4
from engine.model.grouped import Grouped, read_grouped
from engine.model.kernels import available
from engine.model.linear import Dense, Linear, Nf4, blocked, quantised, stacked
from engine.model.packed import Packed
from engine.model.packing import pack_grouped, pack_nf4, quantised_to, refusal
from engine.model.transformer import Transformer

PACKED = {"8 bits": EIGHT, "4 bits": FOUR, "nf4 groups": NF4}


def load(
    folder: Path, device: torch.device, *, dense_head: bool = False, weights: Weights = "exact"
) -> Generator[float, None, Transformer]:
    """Yield the fraction read, 0 to 1, and return the model.

    On a CPU ``weights`` says what becomes of them: float32 all of them ("exact", and where this processor or the model
    leaves no choice), or packed. Grouped ones then stay as they are, and with "stored" NF4 ones too; all others get 8
    bits, or 4 as asked, which embedding and head do not. On a GPU activations, norms and embeddings are bfloat16 and
    every matrix, a large tied head too, is NF4: packed bytes stay as they are, 16-bit ones are quantised as they
    arrive, and so are grouped ones, made 16-bit first; ``dense_head`` keeps the head in 16 bits there. At no time is
    more than a few matrices held twice.
    Raises CheckpointError for a folder that cannot be used and DeviceError when the device's memory runs out.
    """
    checkpoint = open_checkpoint(folder)
    on_gpu = device.type == "cuda"
    packs = not on_gpu and weights != "exact" and not refusal()
    asked = Holding("cuda" if on_gpu else "cpu", weights if packs else "exact", dense_head)
    try:
        with ExitStack() as files:
            model = yield from _Loader(checkpoint, device, files, asked.of(checkpoint.architecture)).model()
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
    """One pass over a checkpoint's tensors, each taken to the device in the form that ``holding`` names."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, files: ExitStack, holding: Holding) -> None:
        self.checkpoint, self.architecture = checkpoint, checkpoint.architecture
        self.shapes, self.kept = checkpoint.dimensions.tensors(), checkpoint.kept()
        self.device, self.holding = device, holding
        self.dtype = torch.bfloat16 if holding.device == "cuda" else torch.float32
        self.tied = HEAD not in self.shapes
        self.shared = self.tied and holding.shares(checkpoint.dimensions.embedding)
        paths = {stored.file for stored in checkpoint.stored.values()}
        self.files: dict[PurePath, Any] = {path: files.enter_context(safe_open(path, "pt")) for path in paths}
        if holding.device == "cuda":
            import bitsandbytes  # noqa: F401 - registers the 4-bit operators with torch

    def model(self) -> Generator[float, None, Transformer]:
        steps = self.architecture.layers + 2  # embedding and head count as a layer each
        yield 0.0
        table = self.table()
        yield 1 / steps
        layers = []
        for index in range(self.architecture.layers):
            layers.append(self.block(index))
            yield (index + 2) / steps
        norm, head = self.dense(NORM), self.head(table)
        yield 1.0
        return Transformer(self.architecture, table, layers, norm, head)

    def block(self, index: int) -> Block:
        parts, name = self.architecture.parts, self.architecture.layer(index)
        return Block(
            attention_norm=self.dense(name + parts.attention_norm),
            qkv=self.product(name, parts.qkv),
            head_norm=self.head_norm(name, parts.head_norms) if parts.head_norms else None,
            output=self.product(name, parts.output),
            mlp_norm=self.dense(name + parts.mlp_norm),
            gate_up=self.product(name, parts.gate_up),
            down=self.product(name, parts.down),
            window=self.architecture.windows[index],
        )

    def table(self) -> Tensor | Packed:
        """Return the embedding; see Holding.on_host."""
        if self.form(TABLE) in GROUPED:
            return self.grouped(TABLE, None)
        if self.holding.on_host(shared=self.shared):
            return self.plain(TABLE).to(self.dtype).pin_memory()
        return self.dense(TABLE)

    def head(self, table: Tensor | Packed) -> Linear:
        if not self.tied:
            return blocked(self.matrix(HEAD))
        if isinstance(table, Packed):
            return table
        if self.shared:
            return Dense(table)
        return blocked(Dense(table)) if self.holding.device == "cpu" else quantised(table.to(self.device))

    def head_norm(self, layer: str, names: tuple[str, str]) -> Tensor:
        """Return the norms of queries and keys, one row a head, so that one product serves them all."""
        query, key = (self.dense(layer + name) for name in names)
        return torch.cat((query.expand(self.architecture.heads, -1), key.expand(self.architecture.kv_heads, -1)))

    def product(self, layer: str, product: Product) -> Linear:
        """Return the matrices of ``product``, which read the same input, as one where their formats allow it."""
        return blocked(stacked([self.matrix(f"{layer}{name}.weight") for name, _ in product.parts]))

    def matrix(self, name: str) -> Dense | Nf4 | Packed:
        """Return the matrix ``name`` with its bias, in the form it is to have."""
        added = name.removesuffix("weight") + "bias"
        bias = self.dense(added) if added in self.shapes else None
        form = self.form(name)
        if form in GROUPED:
            return self.grouped(name, bias)
        if form == "nf4":
            stored = self.nf4(name) if self.kept.get(name) == "nf4" else None
            return stored.on(self.device, bias) if stored else quantised(self.plain(name).to(self.device), bias)
        return Dense(self.dense(name), bias)

    def form(self, name: str) -> Form:
        return self.holding.form(name, len(self.shapes[name]), self.kept.get(name, "16-bit"))

    def dense(self, name: str) -> Tensor:
        """Return a tensor as numbers on the device: a copy of its own, so that the file can be closed."""
        return self.plain(name).to(self.device, self.dtype, copy=name not in self.kept)

    def plain(self, name: str) -> Tensor:
        """Return a tensor as numbers: as stored, or one of few bits in the dtype that activations have."""
        kept = self.kept.get(name)
        if kept is None:
            return self.raw(name)
        return (self.nf4(name) if kept == "nf4" else self.groups(name)).dequantised().to(self.dtype)

    def raw(self, name: str) -> Tensor:
        """Return a tensor as stored, backed by the file; raises KeyError where there is none."""
        tensor: Tensor = self.files[self.checkpoint.stored[name].file].get_tensor(name)
        return tensor

    def grouped(self, name: str, bias: Tensor | None) -> Packed:
        """Return the matrix ``name`` for the CPU's kernels: as it is stored, where that can be, otherwise packed."""
        rows, columns = self.shapes[name]
        kept, form = self.kept.get(name), PACKED[self.form(name)]
        if kept is None:
            dense = self.raw(name)
            return quantised_to(form, (rows, columns), lambda some: dense[some], bias)
        if kept != "nf4":
            return pack_grouped(self.groups(name), bias)
        nf4 = self.nf4(name)
        if form is NF4 and nf4.blocksize % GROUP == 0:
            return pack_nf4(nf4.packed, nf4.absmax, nf4.shape, nf4.blocksize, bias)
        form = EIGHT if form is NF4 else form
        if columns % nf4.blocksize:
            whole = nf4.dequantised()
            return quantised_to(form, (rows, columns), lambda some: whole[some], bias)
        return quantised_to(form, (rows, columns), lambda some: nf4.between(some).dequantised(), bias)

    def groups(self, name: str) -> Grouped:
        """Return a matrix stored in groups, backed by the file."""
        rows, columns = self.shapes[name]
        return read_grouped(lambda part: self.raw(f"{name}.{part}"), self.raw(name), (rows, columns))

    def nf4(self, name: str) -> Nf4:
        """Return a matrix stored as NF4, backed by the file."""
        rows, columns = self.shapes[name]
        try:
            return read_nf4(lambda part: self.raw(f"{name}.{part}"), self.raw(name), (rows, columns))
        except (ArithmeticError, ValueError, KeyError, TypeError) as error:
            file = self.checkpoint.stored[name].file
            raise CheckpointError(f"{file} describes the 4-bit matrix {name} wrongly: {error}.", AGAIN) from error
