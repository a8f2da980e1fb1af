"""The kernel's index arithmetic, replayed in numpy: every weight must meet its activation exactly once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.model import linear
from engine.model.kernels.backend import NF4
from engine.model.kernels.plan import CHUNK, ROWS, Limits, build, plan, tuning
from tests.engine.model.tiny import grouped, worth_of

Array = NDArray[np.float64]
CODE = np.array(NF4)


def staged(packed: NDArray[np.uint8], start: int, chunk: int, columns: int, height: int) -> NDArray[np.uint8]:
    """Copy 16 rows x 128 bytes into a stage as `copy` does: 16 bytes a lane, units of 32 bytes swizzled.

    ``start``: the tile's first row of y, of which it gives ``height``; with 8 the lower rows are those of the up half.
    """
    rows = len(packed) * 2 // columns * height // ROWS  # of y
    skipped, lower = (0, rows - start) if height == ROWS else (rows - height, rows - start + height)
    stage = np.full(ROWS * 128, 0xEE, np.uint8)  # poison: a byte nobody wrote would show
    blocks = min(4, (columns - chunk * CHUNK) // 64)
    for lane in range(32):
        r, piece = lane // 8, lane % 8
        for q in range(4):
            to = r * 128 + ((piece >> 1) ^ r) * 32 + (piece & 1) * 16 + q * 4 * 128
            row = start + r + q * 4 + (skipped if q >= 2 else 0)
            at = row * (columns // 2) + chunk * CHUNK // 2 + piece * 16
            inside = piece < blocks * 2 and q * 4 + r < (lower if q >= 2 else rows - start)
            stage[to : to + 16] = packed[at : at + 16] if inside else 0
    return stage


def fragment_a(stage: NDArray[np.uint8], block: int, step: int, code: Array = CODE) -> Array:
    """Assemble the 16 x 16 operand of one MMA from what each lane looks up, by the PTX layout of m16n8k16."""
    a = np.full((16, 16), np.nan)
    for lane in range(32):
        g, t = lane // 4, lane % 4
        at = g * 128 + (block ^ (g & 3)) * 32 + t * 8
        for register in range(4):  # (g, low k), (g + 8, low k), (g, high k), (g + 8, high k)
            byte = stage[at + (register & 1) * 1024 + step * 2 + register // 2]
            k = 2 * t + (register // 2) * 8
            a[g + (register & 1) * 8, k : k + 2] = code[byte >> 4], code[byte & 15]
    return a


def fragment_b(x: Array, k: int, block: int, step: int, *, groups: bool = False) -> Array:
    """Assemble the 16 x 8 operand from the activations each lane holds: 16 neighbouring k of its token a block.

    ``groups``: 8 of the first half of it, and 8 of the second.
    """
    b = np.full((16, 8), np.nan)
    for lane in range(32):
        token, t = lane // 4, lane % 4
        for register in range(2):
            held = t * 8 + step // 2 * 32 + step % 2 * 4 if groups else t * 16 + step * 4
            at = k + block * 64 + held + register * 2
            b[2 * t + register * 8 : 2 * t + register * 8 + 2, token] = x[min(token, len(x) - 1)][at : at + 2]
    return b


def product(x: Array, packed: NDArray[np.uint8], absmax: Array, rows: int, height: int) -> Array:
    """Multiply as the kernel does: chunk by chunk, tile by tile, scales after each block of 64."""
    columns = x.shape[1]
    halves = ROWS // height
    y = np.zeros((halves, rows // halves, 8))
    scales = absmax.reshape(halves, rows // halves, -1)
    for start in range(0, rows // halves, height):
        live = slice(start, min(start + height, rows // halves))
        for chunk in range(-(-columns // CHUNK)):
            stage = staged(packed, start, chunk, columns, height)
            for block in range(min(4, columns // 64 - chunk * 4)):
                part = np.zeros((ROWS, 8))
                for step in range(4):
                    part += fragment_a(stage, block, step) @ fragment_b(x, chunk * CHUNK, block, step)
                found = part.reshape(halves, height, 8)[:, : live.stop - start]
                y[:, live] += found * scales[:, live, chunk * 4 + block, None]
    return y.reshape(rows, 8).T[: len(x)]


def product_of_groups(x: Array, packed: NDArray[np.uint8], pairs: Array, height: int) -> Array:
    """Multiply as the kernel does with GROUPS: a scale for each half of a block, minimums by a product of their own.

    ``pairs``: scale and minimum [N, K / 32, 2].
    """
    (rows, _, _), columns, values = pairs.shape, x.shape[1], np.arange(16.0)
    halves = ROWS // height
    y = np.zeros((halves, rows // halves, 8))
    kept = pairs.reshape(halves, rows // halves, -1, 2)
    for start, chunk in itertools.product(range(0, rows // halves, height), range(-(-columns // CHUNK))):
        live = slice(start, min(start + height, rows // halves))
        stage, blocks = staged(packed, start, chunk, columns, height), min(4, columns // 64 - chunk * 4)
        held = np.zeros((halves, height, 8, 2))  # in a stage: zeros behind the last row and past K
        held[:, : live.stop - start, : 2 * blocks] = kept[:, live, chunk * 8 : chunk * 8 + 2 * blocks]
        near = held.reshape(ROWS, 8, 2)
        found = minimums_a(near) @ minimums_b(x, chunk * CHUNK, blocks)
        for block, half in itertools.product(range(blocks), range(2)):
            for step in (2 * half, 2 * half + 1):
                part = fragment_a(stage, block, step, values) @ fragment_b(x, chunk * CHUNK, block, step, groups=True)
                found += part * near[:, 2 * block + half, :1]
        y[:, live] += found.reshape(halves, height, 8)[:, : live.stop - start]
    return y.reshape(rows, 8).T[: len(x)]


def minimums_a(near: Array) -> Array:
    """Assemble the 16 x 8 operand of the minimums of [16, 8 groups, 2] as each lane reads them, by m16n8k8's layout."""
    a = np.full((16, 8), np.nan)
    for lane, register in itertools.product(range(32), range(4)):
        row = lane // 4 + (register & 1) * 8
        a[row, lane % 4 + (register // 2) * 4] = near[row, 2 * (lane % 4) + register // 2, 1]
    return a


def minimums_b(x: Array, k: int, blocks: int) -> Array:
    """Assemble the 8 x 8 operand from what each lane keeps: the sums of both groups of block lane % 4, of its token."""
    b = np.full((8, 8), np.nan)
    for lane, register in itertools.product(range(32), range(2)):
        at = k + lane % 4 * 64 + register * 32
        mine = x[min(lane // 4, len(x) - 1)][at : at + 32] if lane % 4 < blocks else np.zeros(1)
        b[lane % 4 + register * 4, lane // 4] = mine.sum()
    return b


@pytest.mark.parametrize("height", [ROWS, ROWS // 2])
@pytest.mark.parametrize(("rows", "columns", "tokens"), [(16, 256, 8), (22, 448, 5), (40, 576, 1)])
def test_groups_give_the_dense_product(rows: int, columns: int, tokens: int, height: int) -> None:
    """Bytes laid out for other lanes than hold their activations, a minimum or scale of the other half of a block."""
    stored = grouped(torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows)), 4)
    held = linear.grouped(stored, torch.device("cpu"))
    pairs = held.scales.view(rows, -1, 2).double().numpy()
    x = np.random.default_rng(rows).standard_normal((tokens, columns))
    exact = x @ worth_of(stored).double().numpy().T
    np.testing.assert_allclose(product_of_groups(x, held.packed.numpy(), pairs, height), exact, atol=1e-4)
    torch.testing.assert_close(held.dequantised(), worth_of(stored), atol=1e-6, rtol=0)


@pytest.mark.parametrize("height", [ROWS, ROWS // 2])
@pytest.mark.parametrize(("rows", "columns", "tokens"), [(16, 256, 8), (22, 448, 5), (40, 576, 1)])
def test_fragments_give_the_dense_product(rows: int, columns: int, tokens: int, height: int) -> None:
    """A swizzle that is not undone, a nibble order or a lane's k that differs between A and B, a tail read as data."""
    draw = np.random.default_rng(rows)
    packed = draw.integers(256, size=rows * columns // 2, dtype=np.uint8)
    absmax = draw.random(rows * columns // 64) + 0.5
    x = draw.standard_normal((tokens, columns))
    dense = CODE[np.stack((packed >> 4, packed & 15), -1)].reshape(-1, 64) * absmax[:, None]
    exact = x @ dense.reshape(rows, columns).T
    np.testing.assert_allclose(product(x, packed, absmax, rows, height), exact, atol=1e-9)


@pytest.mark.parametrize("register", range(2))
def test_reads_of_a_fragment_fall_into_different_banks(register: int) -> None:
    """Half a warp reads 8 bytes a lane at once; two lanes in one bank would halve the speed of every read."""
    for block in range(4):
        g, t = np.divmod(np.arange(32), 4)
        at = g * 128 + (block ^ (g & 3)) * 32 + t * 8 + register * 1024
        for half in (at[:16], at[16:]):
            assert len({word % 32 for byte in half for word in (byte // 4, byte // 4 + 1)}) == 32


H100 = Limits(90, 132, 232_448, 233_472, 50 << 20)
RTX_4090 = Limits(89, 128, 101_376, 102_400, 72 << 20)
A100 = Limits(80, 108, 166_912, 167_936, 40 << 20)


@pytest.mark.parametrize("gpu", [H100, RTX_4090, A100], ids=["H100", "4090", "A100"])
@pytest.mark.parametrize("rows", [16, 100, 4096, 128_256])
@pytest.mark.parametrize("columns", [64, 896, 2048, 4096, 11_008, 14_336, 28_672])
@pytest.mark.parametrize("groups", [False, True])
def test_plan_covers_all_of_k_and_fits(gpu: Limits, rows: int, columns: int, groups: bool) -> None:
    """A chunk that no warp owns would silently be left out; a CTA too large would fail to start."""
    choice = tuning(gpu)
    spread = plan(rows, columns, ROWS, gpu, choice, groups=groups)
    assert spread.splits * spread.warps * CHUNK >= columns
    assert (spread.splits * spread.warps - spread.splits) * CHUNK < columns
    assert 1 <= spread.groups <= -(-rows // ROWS)
    assert spread.warps <= choice.max_warps
    builds = (build(choice, tokens, spread.warps, groups=groups) for tokens in (8, 16))
    assert all(each.shared(choice.max_warps) <= gpu.shared_per_cta for each in builds)
