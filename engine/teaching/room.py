"""What a course takes of a GPU's memory, reckoned before anything is loaded."""

from __future__ import annotations

from engine.account import ON_GPU, account
from engine.dimensions import Dimensions
from engine.errors import DeviceError
from engine.teaching.agreement import CHUNK
from engine.words import size

MASTER = 4 + 4 + 4  # bytes of a learning weight: itself, its gradient, its momentum
LAWS = 7  # of CHUNK probabilities in float32 that are there at a time, where a drafter has one of all tokens itself
APART = 0.6 * (1 << 30)  # of the device itself, and what lies between


def needed(target: Dimensions, few: int, batch: int, layers: int = 1, taps: int = 3) -> int:
    """Return the bytes that teaching takes beside a target, in steps of ``batch`` tokens.

    Of a drafter of so many ``layers`` with a head of its own for ``few`` tokens; 0: it has the target's.
    """
    shape = target.architecture
    layer = shape.width * (5 * shape.heads * shape.head_dim + 3 * shape.mlp + taps * shape.width)
    learnt = MASTER * (layers * layer + few * shape.width)
    states = batch * shape.width * (4 * taps + 40)  # what the target's layers and the head's five steps leave
    return int(account(target, 1, ON_GPU).weights + learnt + states + LAWS * 4 * CHUNK + APART)


def require(needs: int, free: int, name: str) -> None:
    """Raise DeviceError where ``needs`` bytes are more than ``free``."""
    if needs > free:
        raise DeviceError(
            f"Teaching {name} takes {size(needs)} of the GPU's memory, and {size(free)} are free.",
            "Close other programs that use the GPU, make the steps smaller with --batch, or teach a smaller model.",
        )
