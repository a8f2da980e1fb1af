"""Where our kernel does not run, bitsandbytes does the same, and the reason can be shown."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.nn import functional

from engine.account import UNPACKED
from engine.model.kernels import available, linear, nf4_linear
from engine.model.kernels.backend import Made, dequantised, random_groups, random_weight
from engine.model.kernels.linear import part_rows
from engine.model.kernels.nf4 import refusal

CPU = torch.device("cpu")


@pytest.mark.parametrize("made", [random_weight, random_groups])
@pytest.mark.parametrize(("rows", "columns"), [(48, 128), (34, 192)])
def test_fallback_gives_the_same_product(rows: int, columns: int, made: Made) -> None:
    """Bias, residual and gate are ours to add around the public op; left out or swapped they change the result."""
    draw = torch.Generator().manual_seed(rows)
    packed, scales, code = made(rows, columns, CPU, draw)
    x, bias = torch.randn(5, columns, generator=draw), torch.randn(rows, generator=draw)
    residual = torch.randn(5, rows, generator=draw)
    exact = x @ dequantised(packed, scales, code, columns).T + bias
    gate, up = exact.chunk(2, dim=-1)
    same = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-4)
    same(nf4_linear(x, packed, scales, code, bias=bias), exact)
    same(nf4_linear(x, packed, scales, code, bias=bias, residual=residual), exact + residual)
    same(nf4_linear(x, packed, scales, code, bias=bias, gated=True), functional.silu(gate) * up)


def test_parts_cover_a_weight_evenly_within_their_memory() -> None:
    """Odd parts halve the speed of cuBLAS, too large ones the memory that was promised to be enough."""
    for rows, columns in ((28672, 4096), (4096, 14336), (6144, 4096), (151936, 4096), (100, 64)):
        each = part_rows(rows, 2 * columns)
        assert each * columns * 2 <= UNPACKED
        assert each % 256 == 0
        assert -(-rows // each) == -(-rows * columns * 2 // UNPACKED)
    assert part_rows(3, UNPACKED) == 1
    assert part_rows(3, 2 * UNPACKED) == 1  # no less than a row


@pytest.mark.parametrize("made", [random_weight, random_groups])
def test_a_weight_unpacked_in_parts_is_the_same(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that miss a row, or take another's scales."""
    monkeypatch.setattr(linear, "UNPACKED", 64 * 1024)
    packed, scales, code = made(200, 256, CPU, torch.Generator().manual_seed(1))
    x, bias = torch.randn(9, 256), torch.randn(200)
    assert part_rows(200, 1024) < 200
    y = linear.unpacked(x, packed, (200, 256), scales, 64, bias)
    torch.testing.assert_close(y, x @ dequantised(packed, scales, code, 256).T + bias)


def test_no_gpu_is_a_reason_not_a_crash() -> None:
    """Diagnostics on a machine without a GPU must say why our kernel is not used."""
    assert "NVIDIA" in available(CPU).reason


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_broken_cuda_is_a_reason_not_a_crash() -> None:
    """A driver that fails must leave the slower kernel to run, not end the program."""
    backend = available(torch.device("cuda", 0))
    assert backend.name == "bitsandbytes"
    assert backend.reason


def test_shapes_our_kernel_cannot_take() -> None:
    """A block size or K that the kernel would read past must be refused before the launch."""
    assert not refusal(4096, 4096, 64)
    assert refusal(4096, 4096, 128)
    assert refusal(4096, 4096 + 32, 64)
    assert refusal(1 << 20, 1 << 14, 64)
    assert not refusal(40, 576, 32, groups=True)
    assert refusal(40, 96, 32, groups=True)  # a group and a half of what it takes at a time
    assert refusal(40, 576, 32)
    assert refusal(40, 576, 64, groups=True)
