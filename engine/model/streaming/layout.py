"""A layer's matrices as one piece of bytes, so that a single copy moves all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from engine.model.block import Block
from engine.model.linear import Blocked, Dense, FourBit, Linear, Stacked
from engine.model.packed import Packed

ALIGNMENT = 256  # bytes, at which every tensor begins: our kernels read many at a time


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How the matrices of ``block`` lie one after another in ``bytes`` bytes; all else of it stays where it is.

    ``offsets``: where each of their tensors begins. The tensors themselves are forgotten, of ``block`` only shapes
    remain.
    """

    block: Block
    offsets: tuple[int, ...]
    bytes: int

    @classmethod
    def of(cls, block: Block) -> Layout:
        """Lay out ``block``; raises TypeError for matrices whose bytes are a library's own affair."""
        offsets, at = [], 0
        for tensor in _tensors(block):
            offsets.append(at)
            at += -(-tensor.nbytes // ALIGNMENT) * ALIGNMENT
        return cls(_over(block, [tensor.to("meta") for tensor in _tensors(block)]), tuple(offsets), at)

    def fill(self, memory: Tensor, block: Block) -> None:
        """Write the matrices of ``block``, which is laid out so, into ``memory`` (uint8)."""
        for place, tensor in zip(_tensors(self.over(memory)), _tensors(block), strict=True):
            place.copy_(tensor)

    def over(self, memory: Tensor) -> Block:
        """Return the layer whose matrices are what ``memory`` (uint8) holds whenever they are read."""
        kept = zip(self.offsets, _tensors(self.block), strict=True)
        return _over(self.block, [_view(memory[at : at + tensor.nbytes], tensor) for at, tensor in kept])


def _view(some: Tensor, like: Tensor) -> Tensor:
    return some.view(like.dtype).view(like.shape)


def _tensors(block: Block) -> list[Tensor]:
    """Return all that the matrices of ``block`` are multiplied by, in the order of a pass."""
    return [tensor for matrix in block.matrices for tensor in _parts(matrix)]


def _parts(matrix: Linear) -> list[Tensor]:
    match matrix:
        case FourBit():
            return [matrix.packed, matrix.scales]
        case Packed():
            return [matrix.blocks]
        case Stacked():
            return [tensor for part in matrix.parts for tensor in _parts(part)]
        case Blocked():
            raise TypeError("a matrix in oneDNN's layout cannot be moved by its bytes")
    return [matrix.weight]


def _over(block: Block, tensors: list[Tensor]) -> Block:
    """Return ``block`` with ``tensors`` for those of its matrices."""
    left = iter(tensors)
    qkv, output, gate_up, down = (_made(matrix, left) for matrix in block.matrices)
    return replace(block, qkv=qkv, output=output, gate_up=gate_up, down=down)


def _made(matrix: Linear, tensors: Iterator[Tensor]) -> Linear:
    match matrix:
        case FourBit():
            return replace(matrix, packed=next(tensors), scales=next(tensors))
        case Packed():
            return replace(matrix, blocks=next(tensors))
        case Stacked():
            return Stacked(tuple(_single(part, tensors) for part in matrix.parts))
        case Dense():
            return replace(matrix, weight=next(tensors))
    raise TypeError(f"{type(matrix).__name__} has no bytes of its own")


def _single(part: Dense | FourBit | Packed, tensors: Iterator[Tensor]) -> Dense | FourBit | Packed:
    made = _made(part, tensors)
    assert isinstance(made, Dense | FourBit | Packed)  # noqa: S101 - as it was
    return made
