"""Memory of the host from which a GPU fetches by itself, where the system lets it be pinned."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor

from engine.errors import DeviceError

PAGE = 4096
PIECE = 32 << 20  # bytes that go through pinned memory at a time where the rest is not
PORTABLE = 1  # CU_MEMHOSTREGISTER_PORTABLE: pinned for every context


class Hosted:
    """``memory``: uint8 [size] that begins at a page. ``pinned``: a GPU can fetch from it by itself.

    Taken from the system as it is and pinned in place: torch's own pinned memory is rounded up to a power of two, and
    kept when nobody needs it any more. Raises DeviceError where the system gives none.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        try:
            whole = torch.empty(size + PAGE, dtype=torch.uint8)
        except RuntimeError as full:
            raise DeviceError(
                "This computer's memory is full; the layers that the GPU has no room for were to stay there.",
                "Close other programs that use memory, or choose a smaller model.",
            ) from full
        self.memory = whole[-whole.data_ptr() % PAGE :][:size]
        self.pinned = device.type == "cuda" and _pin(self.memory)
        if self.pinned:
            weakref.finalize(self, _unpin, self.memory.data_ptr(), device).atexit = False


def _pin(memory: Tensor) -> bool:
    """Let the driver pin ``memory``; return whether it did."""
    try:
        from cuda.bindings import driver
    except ImportError:
        return False
    (status,) = driver.cuMemHostRegister(memory.data_ptr(), memory.nbytes, PORTABLE)
    return bool(status == driver.CUresult.CUDA_SUCCESS)


def _unpin(address: int, device: torch.device) -> None:
    from cuda.bindings import driver

    torch.cuda.synchronize(device)  # a copy of it may be under way
    driver.cuMemHostUnregister(address)


class Staging:
    """Copies memory that could not be pinned to a GPU, through two pinned pieces in turns."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._pieces = [torch.empty(PIECE, dtype=torch.uint8, pin_memory=True) for _ in range(2)]
        self._left = [torch.cuda.Event() for _ in range(2)]  # type: ignore[no-untyped-call]

    def copy(self, source: Tensor, target: Tensor) -> None:
        """Copy ``source`` to ``target`` on the stream; the host waits for all but the end of it."""
        for turn, at in enumerate(range(0, len(source), PIECE)):
            some = source[at : at + PIECE]
            piece, left = self._pieces[turn % 2][: len(some)], self._left[turn % 2]
            left.synchronize()
            piece.copy_(some)
            target[at : at + PIECE].copy_(piece, non_blocking=True)
            left.record(self._stream)
