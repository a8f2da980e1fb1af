"""Plans how one product is spread over a GPU: by its shape alone, never by the number of tokens."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

ROWS = 16  # of a tile
CHUNK = 256  # consecutive k of a warp
WEIGHT_BYTES, BLOCKS = ROWS * CHUNK // 2, ROWS * CHUNK // 64  # of one tile and one warp
TOKENS = 16  # of one launch
BUFFERS = 3  # in which the sums of a tile wait to be added up
SMALL = 8  # warps of a CTA that should share a multiprocessor
REGISTERS = 1 << 16  # of a multiprocessor
RESERVED_BYTES = 1024  # of shared memory, by CUDA, for every CTA


@dataclass(frozen=True, slots=True)
class Limits:
    """What a GPU offers: ``architecture`` is 90 for compute capability 9.0; shared memory in bytes."""

    architecture: int
    multiprocessors: int
    shared_per_cta: int
    shared_per_multiprocessor: int
    l2: int


@functools.cache
def limits(device: torch.device) -> Limits:
    """Read the limits of the CUDA ``device``."""
    about = torch.cuda.get_device_properties(device)
    return Limits(
        about.major * 10 + about.minor,
        about.multi_processor_count,
        about.shared_memory_per_block_optin,  # type: ignore[attr-defined]
        about.shared_memory_per_multiprocessor,
        about.L2_cache_size,
    )


@dataclass(frozen=True, slots=True)
class Build:
    """A variant of the kernel as compiled; see the head of nf4_linear.cu for what each means."""

    token_tiles: int
    stages: int
    max_warps: int
    min_ctas: int
    table_stride: int
    groups: bool = False

    @property
    def registers(self) -> int:
        """Return how many a thread may have: all that fit, less what lets small kernels in beside up to 8 tokens."""
        fitting = min(255, REGISTERS // (32 * self.max_warps * self.min_ctas))
        return min(fitting, 112) if self.token_tiles == 1 else fitting

    def shared(self, warps: int) -> int:
        """Return the bytes of shared memory a CTA of ``warps`` warps needs."""
        sums = BUFFERS * warps * self.token_tiles * ROWS * 8 * 4
        stage = WEIGHT_BYTES + BLOCKS * (8 if self.groups else 4)  # scale and minimum of two groups, or an absmax
        return 256 * self.table_stride + warps * self.stages * stage + sums


@dataclass(frozen=True, slots=True)
class Plan:
    """The launch of one product: ``groups`` x ``splits`` CTAs of ``warps`` warps.

    Group i takes tiles i, i + groups, ...; split j takes the ``warps`` chunks of K from chunk j * ``warps`` on.
    """

    groups: int
    splits: int
    warps: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """What measurements decide.

    ``max_warps``: warps of the largest CTA; ``ctas``: how many such the grid gives a multiprocessor, and
    ``min_ctas`` how many its registers must allow; ``stages``: depth of the ring; ``table_stride``: bytes of a table
    entry; ``ahead``: how many bytes of the next weight to bring into L2.
    """

    max_warps: int
    ctas: int
    min_ctas: int
    stages: int
    table_stride: int
    ahead: int


def tuning(gpu: Limits) -> Tuning:
    """Return the measured choice where there is one (see NOTES.md), else one that fits the shared memory."""
    if gpu.shared_per_cta >= 200 * 1024:  # H100, B200
        return Tuning(max_warps=16, ctas=1, min_ctas=1, stages=2, table_stride=256, ahead=gpu.l2 // 4)
    if gpu.shared_per_cta >= 160 * 1024:  # A100
        return Tuning(max_warps=16, ctas=1, min_ctas=1, stages=2, table_stride=128, ahead=gpu.l2 // 4)
    return Tuning(max_warps=8, ctas=1, min_ctas=1, stages=2, table_stride=128, ahead=gpu.l2 // 4)  # 99 KiB: GeForce


def build(choice: Tuning, tokens: int, warps: int, *, groups: bool = False) -> Build:
    """Return the variant for up to 8 tokens, or up to 16; small CTAs take the small table, so that two fit.

    ``groups``: for weights in groups of 32, not NF4.
    """
    tiles = 1 if tokens <= 8 else 2
    stride = choice.table_stride if warps > SMALL else 128
    return Build(tiles, choice.stages, choice.max_warps, choice.min_ctas, stride, groups)


@functools.cache
def plan(rows: int, columns: int, height: int, gpu: Limits, choice: Tuning, *, groups: bool = False) -> Plan:
    """Spread ``rows`` outputs of ``columns`` inputs: as few splits of K as the largest CTA allows, all SMs busy.

    ``height``: the outputs of a tile, ROWS, or half of them where a gate's row and its up projection's make one.
    """
    chunks = -(-columns // CHUNK)
    splits = -(-chunks // choice.max_warps)
    warps = -(-chunks // splits)
    widest = build(choice, TOKENS, warps, groups=groups)  # so that the plan is the same for every number of tokens
    fitting = gpu.shared_per_multiprocessor // (widest.shared(warps) + RESERVED_BYTES)
    resident = min(choice.ctas * choice.max_warps // warps, fitting)
    most = max(1, gpu.multiprocessors * max(1, resident) // splits)
    return Plan(min(most, -(-rows // height)), splits, warps)
