"""Work recorded once and replayed: a CUDA graph on a GPU, a plain call on a CPU.

While a recording is made nothing may touch the device but what is recorded. Freeing an older graph does, and Python
frees things at moments of its own: so nothing is collected meanwhile, and a graph nobody needs waits in a list until
``free_dropped``, which runs before a recording, after chains are dropped and when a session closes.
"""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

_dropped: list[torch.cuda.CUDAGraph] = []


class Recording:
    """Replays a CUDA graph on the current stream. The tensors it works on are its owner's to keep alive."""

    def __init__(self, graph: torch.cuda.CUDAGraph) -> None:
        self._replay = graph.replay
        weakref.finalize(self, _dropped.append, graph).atexit = False

    def __call__(self) -> None:
        """Put the work on the device once more."""
        self._replay()


def free_dropped() -> None:
    """Free the graphs whose recordings are gone."""
    _dropped.clear()


class Recorder:
    """Records the work of one model set. Everything recorded shares one pool of memory and runs one at a time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._pool: Any = torch.cuda.graph_pool_handle() if device.type == "cuda" else None
        self._stream = _stream_of(device) if device.type == "cuda" else None
        self._recordings = weakref.WeakSet[Recording]()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what repeats ``work``, which is not kept: the caller keeps alive what it works on.

        ``work`` runs once first: kernels are compiled and libraries make their workspaces when first used, which a
        recording cannot hold. What it allocates may be overwritten by anything else recorded here. A recording that
        fails for another reason than memory is tried once more; what was recorded before stays either way.
        """
        if self._stream is None:
            return work
        free_dropped()
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            work()
        torch.cuda.current_stream(self.device).wait_stream(self._stream)
        try:
            recording = Recording(self._capture(work))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            recording = Recording(self._capture(work))
        self._recordings.add(recording)
        return recording

    def _capture(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        """Record ``work`` as a graph; if that fails nothing is left of it."""
        if not self._recordings:  # torch takes a pool whose graphs are all gone for a fault of its own
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self.device)
        torch.cuda.empty_cache()
        with _no_collection(), torch.cuda.stream(self._stream):
            try:
                graph.capture_begin(self._pool, capture_error_mode="thread_local")
                work()
                graph.capture_end()
            except BaseException:
                self._abandon(graph)
                raise
        return graph

    def _abandon(self, graph: torch.cuda.CUDAGraph) -> None:
        """End a capture that failed: the stream's first, then the pool's, which torch leaves open where that fails.

        An open pool refuses every later capture and keeps its memory. What comes next gets another one.
        """
        with suppress(RuntimeError):
            graph.capture_end()  # says again why the capture is invalid
        index = torch.cuda.current_device() if self.device.index is None else self.device.index
        with suppress(RuntimeError):  # it was closed after all; then the graph lets go of it, too
            torch._C._cuda_endAllocateToPool(index, self._pool)  # noqa: SLF001 - as torch.cuda.use_mem_pool does
            torch._C._cuda_releasePool(index, self._pool)  # noqa: SLF001
        self._pool = torch.cuda.graph_pool_handle()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from collecting garbage by itself."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@functools.cache
def _stream_of(device: torch.device) -> torch.cuda.Stream:
    """Return the stream to record on, one a device: cuBLAS keeps 32 MB for every stream it ever worked on."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
