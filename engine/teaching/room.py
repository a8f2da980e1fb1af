"""What a course takes of a GPU's memory, or of the computer's, reckoned before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from engine.account import account
from engine.architecture import Architecture
from engine.architecture.holding import Device, Holding
from engine.dimensions import Dimensions
from engine.errors import DeviceError
from engine.teaching.agreement import CHUNK
from engine.teaching.kinds import Kind
from engine.teaching.optimising import LARGE
from engine.words import size

MATRIX = 4 + 4 + 2 + 4 + 2  # bytes of a matrix's weight that learns: itself, gradient, momentum, rounded, multiplied
IN_16_BITS = 2 + 2 + 2  # of one where they are many: what is its own while it is rounded waits with the host
OTHER = 4 + 4 + 8 + 4 + 2  # of a weight that AdamW moves
LAWS = 7  # laws in float32 that are there at a time
APART = 0.6 * (1 << 30)  # of the device itself, and what lies between
LEAST = 2  # layers of a model


class NoRoom(DeviceError):  # noqa: N818 - a state of the machine, not a fault
    """A course does not fit into the memory that is free."""

    kind = "memory"


def needed(
    target: Dimensions, kind: Kind, layers: int, batch: int, on: Device = "cuda", *, as_stored: bool = False
) -> int:
    """Return the bytes that teaching one of ``kind`` takes ``on`` a device, target and all, ``batch`` tokens a step.

    ``layers``: how many it has itself where it is a model, otherwise 0. ``as_stored``: a GPU reads the target as its
    files have it, in 16 bits.
    """
    shape = target.architecture
    matrices, rest = kind.learns(shape, min(kind.few, shape.vocabulary), layers)
    learnt = matrices * (MATRIX if matrices <= LARGE else IN_16_BITS) + rest * OTHER
    laws = LAWS * 4 * CHUNK
    weights = _weights(target, as_stored=as_stored) if on == "cuda" else 4 * shape.parameters  # float32 on a processor
    return int(weights + learnt + batch * _token(shape, layers, large=matrices > LARGE) + laws + APART)


def _weights(target: Dimensions, *, as_stored: bool) -> float:
    """Return the bytes of the target as it teaches: its head in 16 bits, an embedding of its own with the host."""
    held = account(target, 1, Holding("cuda", "exact", dense_head=True, dense=as_stored))
    return held.linears + held.vectors + held.rotation + 2 * target.embedding


def _token(shape: Architecture, layers: int, *, large: bool) -> float:
    """Return the bytes that every token of a step leaves for the way back: of ``layers``, or a drafter's guesses."""
    one = 40 * shape.width + 14 * shape.mlp
    if large and layers:
        return one + 4 * layers * shape.width  # they are computed once more, layer by layer
    return one * max(1, layers) + 12 * shape.width


def fitting(
    target: Dimensions,
    kind: Kind,
    layers: int,
    batches: Iterable[int],
    free: int,
    least: int = LEAST,
    *,
    as_stored: bool = False,
) -> tuple[int, int]:
    """Return the layers and the batch with which a course fits ``free`` bytes: fewer tokens first, then fewer layers.

    No fewer than ``least``; the layers given where nothing fits.
    """
    batches = list(batches)
    for count in range(layers, min(layers, least) - 1, -1):
        for batch in batches:
            if needed(target, kind, count, batch, as_stored=as_stored) <= free:
                return count, batch
    return layers, batches[-1]


def require(needs: int, free: int, name: str, on: Device = "cuda", *, as_stored: bool = False) -> None:
    """Raise NoRoom where ``needs`` bytes are more than ``free``."""
    if needs > free:
        whose, close = ("the GPU's", " that use the GPU") if on == "cuda" else ("the computer's", "")
        name = f"{name} with its weights in 16 bits" if as_stored and on == "cuda" else name
        raise NoRoom(
            f"Teaching {name} takes {size(needs)} of {whose} memory, and {size(free)} are free.",
            f"Close other programs{close}, or teach a smaller model. In a terminal, --batch makes the steps smaller.",
        )
