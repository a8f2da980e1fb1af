"""Multiplies by a matrix that is dense, of 4 bits as GPUs read it, or packed for a CPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from engine.architecture.form import GROUP
from engine.model.cpu.layout import LANES
from engine.model.grouped import Grouped
from engine.model.kernels import nf4_linear
from engine.model.kernels.groups import arranged, paired, unpacked
from engine.model.kernels.nf4 import refusal as nf4_refusal
from engine.model.packed import Packed
from engine.model.packing import joined, pack

ROWS = 4  # see Blocked
SLICE = 1 << 24  # weights that are laid out anew at a time
FEW = 1 << 18  # weights: a product of fewer takes less time than it takes to call oneDNN's operator

# oneDNN keeps what it compiled for up to a thousand shapes, half a megabyte each. A reply needs about a hundred, and
# compiling takes less time than a token.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256")  # read when the first product is computed


@dataclass(slots=True, eq=False)
class Dense:
    """``x @ weight.T + bias`` for ``weight`` [N, K] and ``bias`` [N] of the activations' dtype."""

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Map [n, K] to [n, N]."""
        return functional.linear(x, self.weight, self.bias)


class Small(Dense):
    """``Dense`` of few weights: of ROWS rows at least, from where on a row's result does not depend on their number."""

    __slots__ = ()

    def __call__(self, x: Tensor) -> Tensor:
        """Map [n, K] to [n, N]."""
        rows = len(x)
        if rows >= ROWS:
            return functional.linear(x, self.weight, self.bias)
        return functional.linear(functional.pad(x, (0, 0, 0, ROWS - rows)), self.weight, self.bias)[:rows]


class Blocked:
    """``Dense`` in oneDNN's own layout, in which 2 to 6 rows take no longer than one, and 16 at most twice as long.

    With plain row-major weights 3 rows take twice as long as one. For float32 on x86; these are the operators
    torch.compile uses on a CPU. oneDNN compiles code for every number of rows it meets and never lets go of all of it,
    so rows are padded to one of a few numbers.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS)  # noqa: SLF001 - opaque layout
        self.bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """Map float32 [n, K] to [n, N]."""
        rows = len(x)
        if missing := padded(rows) - rows:
            x = functional.pad(x, (0, 0, 0, missing))
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")  # noqa: SLF001
        return product[:rows]

    def dense(self) -> Dense:
        """Return the same product over row-major weights."""
        return Dense(self.weight.to_dense(), self.bias)


def padded(rows: int) -> int:
    """Return how many rows a product of ``rows`` is computed with: one of 49 numbers up to 256, at most an eighth more.

    The passes of a reply have few rows and stay as they are, but that four take less time than fewer. What is left of
    a prompt has any number.
    """
    step = 1 if rows <= 16 else 4 if rows <= 64 else 8
    return max(ROWS, -(-rows // step) * step)


@dataclass(slots=True, eq=False)
class FourBit:
    """``x @ W.T + bias`` for a weight W of ``shape`` (N, K) kept at 4 bits.

    ``packed``: uint8 [N * K / 2], two codes a byte, the earlier one in the high nibble. ``code``: what each is worth
    before it is scaled, float32 [16]. ``scales``: of every ``blocksize`` consecutive weights in row-major order.
    """

    packed: Tensor
    scales: Tensor
    code: Tensor
    shape: tuple[int, int]
    blocksize: int
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Map [n, K] to [n, N] in x's dtype, through our own kernel where it runs, else bitsandbytes."""
        return nf4_linear(x, self.packed, self.scales, self.code, bias=self.bias, blocksize=self.blocksize)

    @property
    def refusal(self) -> str:
        """Say why our kernel cannot multiply by this weight, "" when it can."""
        return nf4_refusal(*self.shape, self.blocksize, groups=isinstance(self, Groups))

    def on(self, device: torch.device, bias: Tensor | None) -> Self:
        """Return a copy on ``device``, with ``bias`` of the activations' dtype."""
        packed, scales, code = (part.to(device, copy=True) for part in (self.packed, self.scales, self.code))
        return replace(self, packed=packed, scales=scales, code=code, bias=bias)

    def between(self, rows: slice | Tensor, bias: Tensor | None = None) -> Self:
        """Return the product of the outputs ``rows`` alone, whose blocks must not reach into others."""
        n, k = self.shape
        packed, scales = (part.view(n, -1)[rows] for part in (self.packed, self.scales))
        shape = len(packed), k
        return replace(self, packed=packed.flatten(), scales=scales.flatten(), shape=shape, bias=bias)

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the weight [N, K] as ``dtype``."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Nf4(FourBit):
    """One in bitsandbytes' format: a float32 scale for every ``blocksize`` weights."""

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the weight [N, K] as ``dtype``: each code's value times its block's scale."""
        codes = torch.arange(256, device=self.code.device)
        pairs = torch.stack((self.code[codes >> 4], self.code[codes & 15]), dim=1)  # a byte -> its two values
        weight = functional.embedding(self.packed.int(), pairs).view(-1)
        return weight.view(-1, self.blocksize).mul_(self.scales[:, None]).view(self.shape).to(dtype)


@dataclass(slots=True, eq=False)
class Groups(FourBit):
    """One in groups of 32, each weight its code times scale, plus minimum; kernels/groups.py says how they lie."""

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the weight [N, K] as ``dtype``, rounded once."""
        return unpacked(self.packed, self.scales, self.shape, dtype)


@dataclass(slots=True, eq=False)
class Stacked:
    """Several products of one input, side by side: [n, K] -> [n, N1 + N2 + ...]."""

    parts: tuple[Dense | FourBit | Packed, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Map [n, K] to the parts' outputs, joined."""
        return torch.cat([part(x) for part in self.parts], dim=-1)


Linear = Dense | Blocked | FourBit | Packed | Stacked


def rows_of(linear: Linear, rows: Tensor) -> Linear:
    """Return the product with only the outputs ``rows`` (int64 [m]): [n, K] -> [n, m].

    Raises ValueError for 4-bit weights whose scales span several rows.
    """
    if isinstance(linear, Stacked):
        raise ValueError("a product of several parts cannot be cut by rows")  # noqa: TRY004 - nothing is wrong with the type
    bias = None if linear.bias is None else linear.bias[rows]
    if isinstance(linear, Packed):
        return pack(linear.form, *linear.rows(rows), bias)
    if isinstance(linear, Blocked):
        return blocked(Dense(linear.dense().weight[rows], bias))
    if isinstance(linear, Dense):
        return blocked(Dense(linear.weight[rows], bias))
    if linear.shape[1] % linear.blocksize:
        raise ValueError(f"rows of {linear.shape[1]} weights do not hold whole blocks of {linear.blocksize}")
    return linear.between(rows, bias)


def rows_behind(linear: Linear, first: int) -> Callable[[Tensor], Tensor]:
    """Return the product of the outputs from ``first`` on alone, over the same memory: [n, K] -> [n, N - first].

    Where the layout does not let it be cut there, all outputs are computed.
    """
    bias = None if isinstance(linear, Stacked) or linear.bias is None else linear.bias[first:]
    if isinstance(linear, Dense):
        return type(linear)(linear.weight[first:], bias)
    if isinstance(linear, FourBit) and linear.shape[1] % linear.blocksize == 0:
        return linear.between(slice(first, None), bias)
    if isinstance(linear, Packed) and first % LANES == 0:
        shape = linear.shape[0] - first, linear.shape[1]
        return Packed(linear.blocks[first // LANES :], linear.form, shape, bias)
    return lambda x: linear(x)[:, first:].contiguous()


def blocked(linear: Linear) -> Linear:
    """Return a dense float32 ``linear`` as it is multiplied by on x86: many weights in oneDNN's layout."""
    if not isinstance(linear, Dense) or linear.weight.device.type != "cpu" or not _has_onednn():
        return linear
    if linear.weight.numel() < FEW:
        return Small(linear.weight, linear.bias)
    return Blocked(linear.weight, linear.bias)


def _has_onednn() -> bool:
    x86 = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    return x86 and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def quantised(weight: Tensor, bias: Tensor | None = None) -> Nf4:
    """Return a 16- or 32-bit matrix [N, K] as NF4 with blocks of 64, quantised by bitsandbytes on its device."""
    from bitsandbytes.functional import quantize_4bit

    packed, state = quantize_4bit(weight.contiguous(), blocksize=64, quant_type="nf4")
    shape = (weight.shape[0], weight.shape[1])
    return Nf4(packed.view(-1), state.absmax.float(), state.code.float(), shape, 64, bias)


def grouped(stored: Grouped, device: torch.device, bias: Tensor | None = None) -> Groups:
    """Return a matrix that is stored in groups for a GPU's kernel, on ``device``: as it is, or made 4 bits of 8."""
    rows, columns = stored.shape
    packed = torch.empty(rows * columns // 2, dtype=torch.uint8, device=device)
    scales = torch.empty(rows * columns // GROUP * 2, dtype=torch.float16, device=device)
    step = max(1, SLICE // columns)
    for at in range(0, rows, step):
        part = stored.between(slice(at, at + step)).on(device).at_four_bits()
        assert part.minimum is not None  # noqa: S101 - of 4 bits
        packed.view(rows, -1)[at : at + step] = arranged(part.codes).view(len(part.codes), -1)
        scales.view(rows, -1)[at : at + step] = paired(part.scale, part.minimum).view(len(part.codes), -1)
    return Groups(packed, scales, torch.arange(16.0, device=device), stored.shape, GROUP, bias)


def stacked(parts: Sequence[Dense | FourBit | Packed]) -> Linear:
    """Join matrices of one input by rows: one product instead of several where their formats agree."""
    if len(parts) == 1:
        return parts[0]
    kept = [part for part in parts if isinstance(part, Packed)]
    if len(kept) == len(parts):
        return joined(kept) or Stacked(tuple(parts))
    dense = [part for part in parts if isinstance(part, Dense)]
    packed = [part for part in parts if isinstance(part, FourBit)]
    if len(dense) == len(parts):
        return Dense(torch.cat([part.weight for part in dense]), _joined_bias(parts))
    if len(packed) < len(parts) or not _alike(packed):
        return Stacked(tuple(parts))
    return replace(
        packed[0],
        packed=torch.cat([part.packed for part in packed]),
        scales=torch.cat([part.scales for part in packed]),
        shape=(sum(part.shape[0] for part in packed), packed[0].shape[1]),
        bias=_joined_bias(parts),
    )


def _joined_bias(parts: Sequence[Dense | FourBit | Packed]) -> Tensor | None:
    given = [part.bias for part in parts if part.bias is not None]
    return torch.cat(given) if given else None  # a family gives all matrices of one input a bias, or none


def _alike(parts: Sequence[FourBit]) -> bool:
    """True when the parts' bytes can follow one another: blocks of one kind and size, none of them across a seam."""
    kind, blocksize = type(parts[0]), parts[0].blocksize
    return all(
        type(part) is kind and part.blocksize == blocksize and part.packed.numel() * 2 % blocksize == 0
        for part in parts
    )
