"""Takes the tensors of a checkpoint to the device one by one, each in the form that it is to have there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import PurePath
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from engine.architecture import Architecture
from engine.architecture.checking import Stored
from engine.architecture.holding import GROUPED, Form, Holding
from engine.architecture.shape import Product
from engine.architecture.stored import kept_as
from engine.errors import CheckpointError
from engine.files import AGAIN
from engine.model.block import Block
from engine.model.cpu.layout import EIGHT, FOUR, GROUP, NF4
from engine.model.fourbit import read_nf4
from engine.model.grouped import Grouped, read_grouped
from engine.model.linear import Dense, FourBit, Linear, Nf4, blocked, grouped, quantised, stacked
from engine.model.packed import Packed
from engine.model.packing import pack_grouped, pack_nf4, quantised_to

PACKED = {"8 bits": EIGHT, "4 bits": FOUR, "nf4 groups": NF4}


class Tensors:
    """The tensors ``stored`` in files, of which those in ``shapes`` are wanted, held as ``holding`` says.

    The files stay open in ``files``.
    """

    def __init__(
        self,
        stored: Mapping[str, Stored],
        shapes: Mapping[str, tuple[int, ...]],
        device: torch.device,
        holding: Holding,
        files: ExitStack,
    ) -> None:
        self.stored, self.shapes, self.kept = stored, shapes, kept_as(stored)
        self.device, self.holding = device, holding
        self.dtype = torch.bfloat16 if holding.device == "cuda" else torch.float32
        paths = {each.file for each in stored.values()}
        self.files: dict[PurePath, Any] = {path: files.enter_context(safe_open(path, "pt")) for path in paths}
        if holding.device == "cuda":
            import bitsandbytes  # noqa: F401 - registers the 4-bit operators with torch

    def block(self, name: str, of: Architecture, window: int | None) -> Block:
        """Return a layer of the architecture ``of``; ``name`` is what the names of its tensors begin with."""
        parts = of.parts
        return Block(
            attention_norm=self.dense(name + parts.attention_norm),
            qkv=self.product(name, parts.qkv),
            head_norm=self.head_norm(name, of) if parts.head_norms else None,
            output=self.product(name, parts.output),
            mlp_norm=self.dense(name + parts.mlp_norm),
            gate_up=self.product(name, parts.gate_up),
            down=self.product(name, parts.down),
            window=window,
        )

    def head_norm(self, layer: str, of: Architecture) -> Tensor:
        """Return the norms of queries and keys, one row a head, so that one product serves them all."""
        query, key = (self.dense(layer + name) for name in of.parts.head_norms or ())
        return torch.cat((query.expand(of.heads, -1), key.expand(of.kv_heads, -1)))

    def product(self, layer: str, product: Product) -> Linear:
        """Return the matrices of ``product``, which read the same input, as one where their formats allow it."""
        return blocked(stacked([self.matrix(f"{layer}{name}.weight") for name, _ in product.parts]))

    def matrix(self, name: str) -> Dense | FourBit | Packed:
        """Return the matrix ``name`` with its bias, in the form it is to have."""
        added = name.removesuffix("weight") + "bias"
        bias = self.dense(added) if added in self.shapes else None
        form = self.form(name)
        if form in GROUPED:
            on_gpu = self.holding.device == "cuda"
            return grouped(self.groups(name), self.device, bias) if on_gpu else self.grouped(name, bias)
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
        tensor: Tensor = self.files[self.stored[name].file].get_tensor(name)
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
            return pack_nf4(nf4.packed, nf4.scales, nf4.shape, nf4.blocksize, bias)
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
            file = self.stored[name].file
            raise CheckpointError(f"{file} describes the 4-bit matrix {name} wrongly: {error}.", AGAIN) from error
