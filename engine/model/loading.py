"""From a checkpoint folder to a Transformer, tensor by tensor."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.account import SMALL_HEAD
from engine.architecture import Architecture
from engine.architecture.shape import HEAD, NORM, TABLE, Product
from engine.config import Weights
from engine.errors import CheckpointError, DeviceError
from engine.files import AGAIN
from engine.model.block import Block
from engine.model.checkpoint import Checkpoint, open_checkpoint
from engine.model.cpu.layout import EIGHT, FOUR, GROUP, Format
from engine.model.fourbit import read_nf4
from engine.model.grouped import Grouped, read_grouped
from engine.model.kernels import available
from engine.model.linear import Dense, Linear, Nf4, blocked, quantised, stacked
from engine.model.packed import Packed
from engine.model.packing import pack_grouped, pack_nf4, quantised_to, refusal
from engine.model.transformer import Transformer


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
    try:
        with ExitStack() as files:
            form = form_of(checkpoint.architecture, device, weights)
            if form is None:
                model = yield from _Loader(checkpoint, device, files, dense_head).model()
            else:
                model = yield from _Packing(checkpoint, files, form, weights == "stored").model()
        if device.type == "cuda":
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


def form_of(architecture: Architecture, device: torch.device, weights: Weights) -> Format | None:
    """Return how weights of 16 bits are packed on ``device``, None where none are."""
    if device.type != "cpu" or weights == "exact" or refusal():
        return None
    inputs = architecture.width, architecture.mlp, architecture.heads * architecture.head_dim
    if any(size % GROUP for size in inputs):
        return None
    return FOUR if weights == "4 bits" else EIGHT


class _Loader:
    """One pass over a checkpoint's tensors, each taken to the device in the form it will be used in."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, files: ExitStack, dense_head: bool) -> None:
        self.checkpoint, self.dense_head = checkpoint, dense_head
        self.architecture = checkpoint.architecture
        self.shapes = checkpoint.tensors()
        self.device = device
        self.on_cpu = device.type == "cpu"
        self.dtype = torch.float32 if self.on_cpu else torch.bfloat16
        paths = {stored.file for stored in checkpoint.stored.values()}
        self.files: dict[Path, Any] = {path: files.enter_context(safe_open(path, "pt")) for path in paths}
        if not self.on_cpu:
            import bitsandbytes  # noqa: F401 - registers the 4-bit operators with torch

    def model(self) -> Generator[float, None, Transformer]:
        steps = self.architecture.layers + 2  # embedding and head count as a layer each
        yield 0.0
        embedding = self.embedding()
        yield 1 / steps
        layers = []
        for index in range(self.architecture.layers):
            layers.append(self.layer(index))
            yield (index + 2) / steps
        norm, head = self.dense(NORM), self.head(embedding)
        yield 1.0
        return Transformer(self.architecture, embedding, layers, norm, head)

    def layer(self, index: int) -> Block:
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

    def embedding(self) -> Tensor | Packed:
        """Return the embedding; on a GPU it stays in the host's memory unless it is the head as well.

        A pass reads a few kilobytes of it, which come over the bus sooner than a layer is done; on the device it would
        take a sixth of the memory of an 8B at 4 bits.
        """
        name = TABLE
        if self.on_cpu or self.embedding_is_head():
            return self.dense(name)
        return self.plain(name).to(self.dtype).pin_memory()

    def embedding_is_head(self) -> bool:
        """Tell whether the embedding itself serves as head: tied, and small or kept in 16 bits."""
        small = math.prod(self.shapes[TABLE]) < SMALL_HEAD
        return HEAD not in self.shapes and (self.dense_head or small)

    def head(self, embedding: Tensor | Packed) -> Linear:
        assert isinstance(embedding, Tensor)  # noqa: S101 - _Packing has a head of its own
        tied = HEAD not in self.shapes
        if self.on_cpu:
            return blocked(Dense(embedding)) if tied else blocked(self.matrix("lm_head"))
        if self.dense_head or self.embedding_is_head():
            return Dense(embedding if tied else self.dense_matrix("lm_head"))
        return quantised(embedding.to(self.device)) if tied else blocked(self.matrix("lm_head"))

    def dense_matrix(self, name: str) -> Tensor:
        """Return the matrix in 16 bits, unpacked where it is stored at 4."""
        if self.checkpoint.is_packed(f"{name}.weight"):
            return self.packed(f"{name}.weight").dequantised().to(self.device, self.dtype)
        return self.dense(f"{name}.weight")

    def head_norm(self, layer: str, names: tuple[str, str]) -> Tensor:
        """Return the norms of queries and keys, one row a head, so that one product serves them all."""
        query, key = (self.dense(layer + name) for name in names)
        return torch.cat((query.expand(self.architecture.heads, -1), key.expand(self.architecture.kv_heads, -1)))

    def product(self, layer: str, product: Product) -> Linear:
        """Return the matrices of ``product``, which read the same input, as one where their formats allow it."""
        return blocked(stacked([self.matrix(layer + name) for name, _ in product.parts]))

    def matrix(self, name: str) -> Dense | Nf4 | Packed:
        bias = self.dense(f"{name}.bias") if f"{name}.bias" in self.shapes else None
        if self.checkpoint.is_packed(f"{name}.weight"):
            stored = self.packed(f"{name}.weight")
            return Dense(stored.dequantised(), bias) if self.on_cpu else stored.on(self.device, bias)
        if self.on_cpu:
            return Dense(self.dense(f"{name}.weight"), bias)
        return quantised(self.plain(f"{name}.weight").to(self.device), bias)

    def dense(self, name: str) -> Tensor:
        """Return a floating tensor as a copy of its own, so that the file can be closed."""
        if self.checkpoint.is_grouped(name):
            return self.plain(name).to(self.device)
        return self.raw(name).to(self.device, self.dtype, copy=True)

    def plain(self, name: str) -> Tensor:
        """Return a floating tensor as stored; a grouped matrix as numbers of the dtype that activations have."""
        if self.checkpoint.is_grouped(name):
            return self.grouped(name).dequantised().to(self.dtype)
        return self.raw(name)

    def grouped(self, name: str) -> Grouped:
        """Return a grouped matrix, backed by the file."""
        rows, columns = self.shapes[name]
        return read_grouped(lambda part: self.raw(f"{name}.{part}"), self.raw(name), (rows, columns))

    def raw(self, name: str) -> Tensor:
        """Return a tensor as stored, backed by the file; raises KeyError where there is none."""
        tensor: Tensor = self.files[self.checkpoint.stored[name].file].get_tensor(name)
        return tensor

    def packed(self, name: str) -> Nf4:
        rows, columns = self.shapes[name]
        try:
            return read_nf4(lambda part: self.raw(f"{name}.{part}"), self.raw(name), (rows, columns))
        except (ArithmeticError, ValueError, KeyError, TypeError) as error:
            file = self.checkpoint.stored[name].file
            raise CheckpointError(f"{file} describes the 4-bit matrix {name} wrongly: {error}.", AGAIN) from error


class _Packing(_Loader):
    """A pass that packs every matrix for the CPU as it arrives; norms and biases become float32."""

    def __init__(self, checkpoint: Checkpoint, files: ExitStack, form: Format, keeps_nf4: bool) -> None:
        super().__init__(checkpoint, torch.device("cpu"), files, dense_head=False)
        self.form, self.keeps_nf4 = form, keeps_nf4

    def embedding(self) -> Packed:
        """Return the embedding, whose rows are looked up in what is stored."""
        return self.kept(TABLE, EIGHT)

    def head(self, embedding: Tensor | Packed) -> Linear:
        if HEAD in self.shapes:
            return self.kept(HEAD, EIGHT)
        assert isinstance(embedding, Packed)  # noqa: S101 - it is the one above
        return embedding

    def matrix(self, name: str) -> Packed:
        return self.kept(f"{name}.weight", self.form, f"{name}.bias")

    def kept(self, name: str, form: Format, bias: str = "") -> Packed:
        """Return the matrix ``name``: as it is stored, where that is of few bits, otherwise packed as ``form``."""
        added = self.dense(bias) if bias in self.shapes else None
        if self.checkpoint.is_grouped(name):
            return pack_grouped(self.grouped(name), added)
        rows, columns = self.shapes[name]
        if not self.checkpoint.is_packed(name):
            dense = self.raw(name)
            return quantised_to(form, (rows, columns), lambda some: dense[some], added)
        nf4 = self.packed(name)
        if self.keeps_nf4 and nf4.blocksize % GROUP == 0:
            return pack_nf4(nf4.packed, nf4.absmax, nf4.shape, nf4.blocksize, added)
        if columns % nf4.blocksize:
            whole = nf4.dequantised()
            return quantised_to(form, (rows, columns), lambda some: whole[some], added)
        return quantised_to(form, (rows, columns), lambda some: nf4.between(some).dequantised(), added)
