"""Loads machine code on a GPU, and launches it on torch's current stream."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.model.kernels.compiler import Source, cubin
from engine.model.kernels.plan import limits

if TYPE_CHECKING:
    from cuda.core import Kernel

COUNTERS = 1 << 12  # most groups of CTAs, in one launch, that must know their last
OVERLAP_SINCE = 90  # compute capability with programmatic dependent launch


@functools.cache
def kernel(source: str | Source, entry: str, device: torch.device, shared: int = 0, **macros: int) -> Kernel:
    """Return the kernel ``entry`` of ``source`` (a name: of this folder), loaded and allowed ``shared`` bytes a CTA.

    Raises what compiler.cubin raises, and RuntimeError when the driver refuses the code or the shared memory.
    """
    from cuda.bindings import driver
    from cuda.core import ObjectCode

    source = Source(source) if isinstance(source, str) else source
    code = cubin(source, limits(device).architecture, **macros)
    with torch.cuda.device(device):
        torch.cuda.current_stream(device).query()  # torch's context exists and is current
        loaded = ObjectCode.from_cubin(code, name=source.name).get_kernel(entry)
        attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        (status,) = driver.cuKernelSetAttribute(attribute, shared, loaded.handle, driver.CUdevice(device.index or 0))
    if status != driver.CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"{shared} bytes of shared memory were refused: {status.name}")
    return loaded


@functools.cache
def counters(device: torch.device) -> torch.Tensor:
    """Return int32 [COUNTERS] that tell a group's last CTA it is the last; zero between launches."""
    return torch.zeros(COUNTERS, dtype=torch.int32, device=device)


Argument = torch.Tensor | int | float | None


def launch(
    code: Kernel, device: torch.device, grid: tuple[int, ...], block: int, shared: int, *arguments: Argument
) -> None:
    """Put ``code`` on torch's current stream of ``device``; tensors go as pointers (None as null), numbers as 32 bits.

    It may start before the kernel ahead of it has ended, and waits for that one itself (griddepcontrol).
    """
    from cuda.core import LaunchConfig, Stream
    from cuda.core import launch as start

    config = LaunchConfig(
        grid=grid,
        block=block,
        shmem_size=shared,
        programmatic_stream_serialization=limits(device).architecture >= OVERLAP_SINCE,
    )
    stream = Stream.from_handle(torch.cuda.current_stream(device).cuda_stream)
    start(stream, config, code, *(_passed(argument) for argument in arguments))


def _passed(argument: Argument) -> Any:
    if isinstance(argument, torch.Tensor):
        return argument.data_ptr()
    if argument is None:
        return 0  # a plain int is a pointer to cuda.core
    return np.float32(argument) if isinstance(argument, float) else np.int32(argument)
