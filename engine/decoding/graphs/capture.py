"""Work recorded once and replayed: a CUDA graph on a GPU, a plain call on a CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch


class Recorder:
    """Records the work of one model set. Everything recorded shares one pool of memory and runs one at a time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None
        self._stream = _stream_of(device) if device.type == "cuda" else None

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what repeats ``work`` on the current stream, and keeps alive what ``work`` refers to.

        ``work`` runs once first: kernels are compiled and libraries make their workspaces when first used, which a
        recording cannot hold. What it allocates may be overwritten by anything else recorded here.
        """
        if self._stream is None:
            return work
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            work()
        torch.cuda.current_stream(self.device).wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            work()
        return lambda _=work: graph.replay()  # type: ignore[misc]


@functools.cache
def _stream_of(device: torch.device) -> torch.cuda.Stream:
    """Return the stream to record on, one a device: cuBLAS keeps 32 MB for every stream it ever worked on."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
