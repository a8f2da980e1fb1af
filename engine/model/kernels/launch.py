"""Loads machine code on a GPU, and launches it on torch's current stream."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from typing import Any

import torch

from engine.model.kernels.compiler import Source, cubin
from engine.model.kernels.parameters import Argument, Layout, layouts
from engine.model.kernels.plan import limits

COUNTERS = 1 << 12  # most groups of CTAs, in one launch, that must know their last
OVERLAP_SINCE = 90  # compute capability with programmatic dependent launch


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A kernel loaded on a device: ``function`` as the driver knows it, and what it is given.

    ``code``: what keeps it loaded.
    """

    function: Any
    layout: Layout
    code: Any


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
    return Kernel(driver.CUfunction(int(loaded.handle)), layouts(source.read())[entry], loaded)


@functools.cache
def counters(device: torch.device) -> torch.Tensor:
    """Return int32 [COUNTERS] that tell a group's last CTA it is the last; zero between launches."""
    return torch.zeros(COUNTERS, dtype=torch.int32, device=device)


def launch(
    code: Kernel, device: torch.device, grid: tuple[int, ...], block: int, shared: int, /, **given: Argument
) -> None:
    """Put ``code`` on torch's current stream of ``device``, ``given`` what its source names; see parameters.Layout.

    It may start before the kernel ahead of it has ended, and waits for that one itself (griddepcontrol).
    """
    from cuda.bindings import driver

    filled = ctypes.create_string_buffer(code.layout.fill(given))
    begin, offsets = ctypes.addressof(filled), code.layout.offsets
    parameters = (ctypes.c_void_p * len(offsets))(*(begin + offset for offset in offsets))
    config = _config(grid, block, shared, torch.cuda.current_stream(device).cuda_stream, device)
    (status,) = driver.cuLaunchKernelEx(config, code.function, ctypes.addressof(parameters), 0)
    if status != driver.CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"a kernel could not be launched: {status.name}")


@functools.cache
def _config(grid: tuple[int, ...], block: int, shared: int, stream: int, device: torch.device) -> Any:
    """Return how to launch; kept, since making one takes longer than launching."""
    from cuda.bindings import driver

    config = driver.CUlaunchConfig()
    config.gridDimX, config.gridDimY, config.gridDimZ = (*grid, 1, 1)[:3]
    config.blockDimX, config.blockDimY, config.blockDimZ = block, 1, 1
    config.sharedMemBytes, config.hStream = shared, driver.CUstream(stream)
    if limits(device).architecture >= OVERLAP_SINCE:
        overlap = driver.CUlaunchAttribute()
        overlap.id = driver.CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION
        overlap.value.programmaticStreamSerializationAllowed = 1
        config.attrs, config.numAttrs = [overlap], 1
    return config
