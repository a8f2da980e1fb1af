"""What a course takes of a GPU's memory, or of the computer's, reckoned before anything is loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import torch

from engine.account import CONTEXT, account
from engine.architecture import Architecture
from engine.architecture.holding import Device, Holding
from engine.dimensions import Dimensions
from engine.errors import DeviceError
from engine.teaching.agreement import CHUNK
from engine.teaching.kinds import Kind
from engine.teaching.muon import BATCH
from engine.teaching.optimising import LARGE
from engine.words import size

MATRIX, ITS_SLOPE = 4 + 2 + 4 + 2, 4  # bytes of a matrix's weight: itself, momentum, as it was, multiplied; gradient
IN_16_BITS, SLOPE_IN_16_BITS = 2 + 2, 2  # of one where they are many: as it was before it was rounded the host keeps
OTHER = 4 + 8 + 4  # of a weight that AdamW moves: itself, its moments, as it was before it was rounded
TABLE = 4 + 2 + 4  # of one besides, while it is read with: put together, multiplied, gradient
LAWS = 7  # laws in float32 that are there at a time
MOVING = 12  # of every weight that Muon moves at a time: gradients side by side, and products of them
LOOKED = 7 * 10_000  # states kept to judge a drafter by: of up to seven guesses at each of 8,000 places and a batch
TIME, LONG = 640, 1536  # tokens of a prompt and its reply, and of a conversation or replies one behind the other
APART = 0.6 * (1 << 30)  # of CUDA's libraries, 4-bit matrices spread to be multiplied, and what lies between
LEAST = 2  # layers of a model
TOO_LARGE = "Teach a smaller model. In a terminal, --batch makes the steps smaller."
SPARE, MOST_ON_A_CPU = 0.25, 1 << 30  # of the memory that a course would leave: what the target made of texts


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
    large = on == "cuda" and matrices > LARGE
    weights = _weights(target, as_stored=as_stored) if on == "cuda" else 4 * shape.parameters  # float32 on a processor
    own = matrices * (IN_16_BITS if large else MATRIX) + rest * OTHER
    slopes = matrices * (SLOPE_IN_16_BITS if large else ITS_SLOPE)
    laws = LAWS * 4 * CHUNK + rest * TABLE
    before = 0 if layers or rest else slopes / 2  # one of two adapters has its gradients when the other's laws are made
    learning = _states(shape, kind, layers, batch, large=large) + max(laws + before, slopes + rest * TABLE)
    moving = slopes + 4 * rest + MOVING * min(matrices, BATCH)
    looking = LAWS * CHUNK + (0 if layers else 4 * LOOKED * shape.width)
    return int(weights + own + max(learning, moving, looking) + APART)


def _weights(target: Dimensions, *, as_stored: bool) -> float:
    """Return the bytes of the target as it teaches: its head in 16 bits, an embedding of its own with the host."""
    held = account(target, 1, Holding("cuda", "exact", dense_head=True, dense=as_stored))
    return held.linears + held.vectors + held.rotation + 2 * target.embedding


def _states(shape: Architecture, kind: Kind, layers: int, batch: int, *, large: bool) -> float:
    """Return the bytes that a step leaves for the way back: of ``layers``, or of what drafters make of their rows."""
    text = 24 * shape.width * batch  # as the target reads it, and its embedding
    if layers or not kind.few:
        row = 40 * shape.width + 14 * shape.mlp
        again = large and layers  # they are computed once more, layer by layer
        return text + batch * (row + 4 * layers * shape.width if again else row * max(1, layers))
    row, score = 40 * shape.width + 8 * shape.mlp, 6 * shape.heads  # of every row for each token that it sees
    long = LONG * max(1, batch // LONG) * (row + score * LONG)
    return text + kind.rows * max(batch * (row + score * TIME), long)


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


def smaller(target: Dimensions, kind: Kind, wanted: int, layers: int, batch: int, *, as_stored: bool = False) -> str:
    """Say that a model has ``layers`` where ``wanted`` were, and the GPU memory these would take; "" where it has all.

    That is with ``batch`` tokens a step, CUDA's own memory included: what a card has to have, and --vram.
    """
    if layers >= wanted:
        return ""
    whole = needed(target, kind, wanted, batch, as_stored=as_stored) + CONTEXT
    return f"It has {layers} layers instead of {wanted} to fit this GPU; {wanted} take one of {size(whole)}"


def unbroken(device: torch.device) -> None:
    """Have torch hold a GPU's memory in segments that grow, so that hardly any of it lies idle between others.

    Courses fill a card with parts of all sizes: on one held to 10.7 GiB a block's first step found no 320 MiB while
    1.2 GiB lay idle. Linux alone has it; before the first allocation.
    """
    if device.type == "cuda" and sys.platform == "linux":
        torch._C._accelerator_setAllocatorSettings("expandable_segments:True")  # noqa: SLF001 - it has no other name


def spare(left: int, on: Device) -> int:
    """Return the bytes that a course may remember texts in, of those it would leave."""
    most = left if on == "cuda" else MOST_ON_A_CPU
    return max(0, min(most, int(SPARE * left)))


def require(
    needs: int, free: int, name: str, on: Device = "cuda", *, as_stored: bool = False, whole: int | None = None
) -> None:
    """Raise NoRoom where ``needs`` bytes are more than ``free``, DeviceError where they are more than the ``whole``.

    That is all the memory there is: no other program's end would help.
    """
    if whole is not None and needs > whole:
        whose = "the GPU has" if on == "cuda" else "the computer has"
        raise DeviceError(f"Teaching {name} takes {size(needs)} of memory, and {whose} {size(whole)}.", TOO_LARGE)
    if needs > free:
        whose, close = ("the GPU's", " that use the GPU") if on == "cuda" else ("the computer's", "")
        name = f"{name} with its weights in 16 bits" if as_stored and on == "cuda" else name
        raise NoRoom(
            f"Teaching {name} takes {size(needs)} of {whose} memory, and {size(free)} are free.",
            f"Close other programs{close}, or teach a smaller model. In a terminal, --batch makes the steps smaller.",
        )
