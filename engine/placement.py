"""Decides which layers of a target stay on the GPU and which come over the bus in every pass. No torch.

What is small and read most goes first: the caches of all levels, the smaller models, the workspace, and two buffers for
the layers that come. The rest of the memory is for layers of the target: for the first ones where early exits read them
as well, else for some among the others, so that the bus is never idle while they are computed. What is left over lies
in the host's memory, pinned where the system allows it, so that the GPU can fetch it while it computes.
"""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import psutil

from engine.account import RUNTIME, Needs, needs
from engine.dimensions import Dimensions
from engine.errors import DeviceError
from engine.words import size

SPARED, SPARED_SHARE = 2 << 30, 16  # bytes, or a share, of the host's memory that are left to other programs


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a target's layers lie: the first ``resident`` on the GPU, the ``streamed`` behind them with the host.

    ``spread``: those that stay lie evenly among the others instead. Of a layer with the host the matrices are there;
    its norms and biases, which are small, are on the GPU like all caches.
    """

    resident: int
    streamed: int = 0
    spread: bool = False

    @property
    def away(self) -> tuple[int, ...]:
        """The layers with the host; the last layer is one if any is."""
        layers = self.resident + self.streamed
        if not self.spread:
            return tuple(range(self.resident, layers))
        return tuple(at for at in range(layers) if (at + 1) * self.streamed // layers > at * self.streamed // layers)

    @property
    def words(self) -> str:
        """Say it behind the name of what is loaded; nothing where all of it is on the GPU."""
        layers = self.resident + self.streamed
        return f", {self.streamed} of {layers} layers in the computer's memory" if self.streamed else ""


@dataclass(frozen=True, slots=True)
class Host:
    """The host's memory in bytes: what is ``free`` for weights, and how much of that the GPU may fetch by itself.

    What is not ``pinned`` takes two steps to the GPU, and several times as long.
    """

    free: int
    pinned: int


def host_memory() -> Host:
    """Return what this machine has free for a model's layers at this moment."""
    memory = psutil.virtual_memory()
    return host_of(memory.total, memory.available)


def host_of(total: int, available: int) -> Host:
    """Return what a host of so many bytes has for a model's layers, a margin left to other programs.

    Linux lets a driver pin whatever there is: the limit of locked memory (RLIMIT_MEMLOCK) is for programs that lock it
    themselves. Windows pins half of the memory at most, and in the Linux inside of it next to nothing.
    """
    free = max(0, available - max(SPARED, total // SPARED_SHARE))
    if _in_windows():
        return Host(free, 0)
    return Host(free, min(free, total // 2) if platform.system() == "Windows" else free)


def unpinned() -> str:
    """Say what keeps a GPU from fetching all of a model by itself on this system, and what helps."""
    if _in_windows():
        return (
            "Windows lets the Linux inside of it pin next to none of its memory; Updraft in Windows itself is faster."
        )
    if platform.system() == "Windows":
        return "Windows lets half of the memory be pinned; more of it, or a smaller model, would help."
    return "The system has refused to pin it; closing other programs may help."


def _in_windows() -> bool:
    return "microsoft" in platform.release().lower()


def place(
    levels: Sequence[Dimensions], context: int, free: int, *, runtime: int = RUNTIME, dense_head: bool = False
) -> Placement | None:
    """Return where the layers of the target go, which is first of ``levels``, for a set that holds ``context`` tokens.

    As many as fit into ``free`` bytes of GPU memory beside all that is not one of its layers stay there. None where
    even what is left without them does not fit.
    """
    asked = partial(needs, levels, context, "cuda", runtime=runtime, dense_head=dense_head)
    layers = levels[0].architecture.layers
    if asked().total <= free:
        return Placement(layers)
    some = range(1, layers + 1)  # the first that comes needs buffers for two, so that none is a case of its own
    at = bisect_left(some, True, key=lambda streamed: asked(streamed=streamed).total <= free)
    return Placement(layers - some[at], some[at]) if at < layers else None


def require_host(asked: Needs, host: Host) -> None:
    """Raise DeviceError, with numbers, where the host cannot hold what ``asked`` leaves to it."""
    if asked.host > host.free:
        raise DeviceError(
            f"{size(asked.host)} of this model would stay in the computer's memory and be read from there, of which "
            f"{size(host.free)} are free.",
            "Close other programs that use memory, choose a shorter length of conversation, or a smaller model.",
        )
