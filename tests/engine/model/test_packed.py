"""Matrices packed for a CPU: what they are worth, and that rows do not depend on each other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.architecture.checking import Bits
from engine.model.cpu.layout import EIGHT, FORMATS, FOUR, LEVELS, NF4, ONE, Format
from engine.model.grouped import Grouped
from engine.model.kernels.backend import NF4 as VALUES
from engine.model.linear import Nf4, Stacked, quantised, rows_of, stacked
from engine.model.packed import Activations, Packed
from engine.model.packing import pack, pack_grouped, pack_nf4, quantised_to, refusal

WIDTHS = range(1, 19)
SHAPES = [(8, 32), (49, 96), (40, 192), (4123, 64)]  # rows that do not fill a block, more than are packed at a time


def matrix(form: Format, shape: tuple[int, int], *, bias: bool = False) -> tuple[Packed, Tensor]:
    """Return a random matrix, packed and as it was."""
    torch.manual_seed(shape[0])
    weight, added = torch.randn(shape) * torch.rand(shape[0], 1), torch.randn(shape[0]) if bias else None
    if form is not NF4:
        return quantised_to(form, shape, lambda rows: weight[rows], added), weight
    held = nf4(weight)
    return pack_nf4(held.packed, held.scales, shape, held.blocksize, added), held.dequantised()


def nf4(weight: Tensor, blocksize: int = 32) -> Nf4:
    """Return ``weight`` [N, K] as bitsandbytes lays NF4 out."""
    blocks = weight.view(-1, blocksize)
    absmax, values = blocks.abs().amax(1), torch.tensor(VALUES)
    codes = torch.bucketize(blocks / absmax[:, None], (values[1:] + values[:-1]) / 2).to(torch.uint8).view(-1, 2)
    shape = (len(weight), weight.shape[1])
    return Nf4(codes[:, 0] << 4 | codes[:, 1], absmax, values, shape, blocksize)


def test_this_processor_packs() -> None:
    """Guards: kernels that quietly never run where the suite does."""
    assert refusal() == ""


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_packed_matrix_is_near_the_one_it_was(form: Format, shape: tuple[int, int]) -> None:
    """Guards: codes, scales or minima laid out in another order than they are read in."""
    packed, weight = matrix(form, shape)
    groups = weight.view(shape[0], -1, 32)
    step = {
        FOUR: (groups.amax(2) - groups.amin(2)) / 15,
        EIGHT: groups.abs().amax(2) / 127,
        NF4: groups.abs().amax(2) / 400,
    }[form]
    assert (
        (packed.dequantised() - weight).view_as(groups).abs() <= 0.52 * step[..., None] + 1e-3 * (form is not NF4)
    ).all()
    some = torch.tensor([shape[0] - 1, 0, 3])
    assert torch.equal(packed.dequantised(some), packed.dequantised()[some])
    assert torch.equal(rows_of(packed, some).dequantised(), packed.dequantised()[some])  # type: ignore[union-attr] # as packed as it was


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_product_is_that_of_its_own_weights(form: Format, shape: tuple[int, int]) -> None:
    """Guards: a kernel that mixes lanes, groups or rows: held against the dense product of what is packed."""
    packed, _ = matrix(form, shape, bias=True)
    x = torch.randn(7, shape[1])
    held = Activations.of(x)
    worth = (held.codes.view(7, -1, 32) * held.scales[..., None]).view(7, -1)
    assert (worth - x).abs().max() <= 0.51 * held.scales.max()
    assert packed.bias is not None
    expected = worth @ packed.dequantised().T + packed.bias
    torch.testing.assert_close(packed(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_does_not_depend_on_those_beside_it(form: Format, shape: tuple[int, int]) -> None:
    """Guards the ground exact decoding stands on: any cut of rows into passes gives the same numbers, bit for bit."""
    packed, _ = matrix(form, shape)
    x = torch.randn(WIDTHS.stop, shape[1]) * torch.logspace(-3, 3, WIDTHS.stop)[:, None]
    whole = packed(x)
    for width in WIDTHS:
        assert torch.equal(torch.cat([packed(part) for part in torch.split(x, width)]), whole), width


def test_the_largest_numbers_do_not_overflow() -> None:
    """Guards: sums of 16 bits that wrap around; every code and every activation as large as it can be."""
    for sign in (1, -1):
        codes = torch.full((8, 64), 15, dtype=torch.uint8)
        ones = torch.ones(8, 2).half()
        four = pack(FOUR, codes, ones, torch.zeros(8, 2).half())
        eight = pack(EIGHT, torch.full((8, 64), -128, dtype=torch.int8), ones, None)
        x = torch.full((1, 64), 127.0 * sign)
        assert torch.equal(four(x), torch.full((1, 8), sign * 64 * 15 * 127.0))
        assert torch.equal(eight(x), torch.full((1, 8), sign * 64 * -128 * 127.0))
        for code in range(16):
            product = pack(NF4, codes.fill_(code), ones, None)(x)
            expected = torch.full((1, 8), sign * 64 * 127.0 * (LEVELS[code] - ONE) / ONE)
            torch.testing.assert_close(product, expected, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("what", [torch.nan, torch.inf, -torch.inf])
def test_what_is_no_number_is_not_lost(what: float) -> None:
    """Guards the check for broken weights: an overflow that is packed into an ordinary number would pass it."""
    packed, _ = matrix(EIGHT, (40, 96))
    x = torch.randn(3, 96)
    x[1, 40] = what
    assert packed(x).isfinite().all(dim=1).tolist() == [True, False, True]


def test_nothing_gives_nothing() -> None:
    """Guards: a division by the largest of a group of zeros."""
    packed, _ = matrix(FOUR, (16, 64))
    assert torch.equal(packed(torch.zeros(2, 64)), torch.zeros(2, 16))
    zero = quantised_to(EIGHT, (8, 32), lambda rows: torch.zeros(8, 32)[rows])
    assert torch.equal(zero.dequantised(), torch.zeros(8, 32))


@pytest.mark.parametrize("bits", [4, 8])
def test_what_a_file_holds_in_groups_stays_as_it_is(bits: Bits) -> None:
    """Guards: GGUF's weights quantised a second time."""
    torch.manual_seed(2)
    codes = torch.randint(256, (24, 48 if bits == 4 else 96), dtype=torch.uint8)
    scale, minimum = torch.rand(24, 3).half(), torch.randn(24, 3).half() if bits == 4 else None
    held = Grouped(codes if bits == 4 else codes.view(torch.int8), scale, minimum, bits, (24, 96))
    packed = pack_grouped(held)
    assert torch.equal(packed.dequantised(), held.dequantised())


@pytest.mark.parametrize("form", FORMATS)
def test_matrices_of_one_input_are_joined_where_they_can_be(form: Format) -> None:
    """Guards: outputs out of order, biases lost, and formats mixed up in one product."""
    (a, _), (b, _) = matrix(form, (40, 96), bias=True), matrix(form, (16, 96), bias=True)
    odd, _ = matrix(form, (49, 96))
    other, _ = matrix(EIGHT if form is FOUR else FOUR, (40, 96))
    x = torch.randn(3, 96)
    both = stacked([a, b])
    assert isinstance(both, Packed)
    assert torch.equal(both(x), torch.cat((a(x), b(x)), dim=1))
    for parts in ([a, other], [odd, a]):
        apart = stacked(parts)
        assert isinstance(apart, Stacked)
        assert torch.equal(apart(x), torch.cat([part(x) for part in parts], dim=1))


def test_the_levels_are_those_of_nf4() -> None:
    """Guards: a table with a wrong entry, which only a model would notice."""
    assert torch.equal((torch.tensor(VALUES) * ONE).round() + ONE, torch.tensor(LEVELS).float())


@pytest.mark.parametrize("shape", [(16, 128), (48, 96), (9, 2048)])
@pytest.mark.parametrize("blocksize", [32, 64, 256])
def test_nf4_keeps_its_codes(shape: tuple[int, int], blocksize: int) -> None:
    """Guards: nibbles swapped and scales shifted, also where blocks reach from one row into the next."""
    torch.manual_seed(1)
    held = nf4(torch.randn(shape) * torch.rand(shape[0], 1), blocksize)
    packed = pack_nf4(held.packed, held.scales, shape, blocksize)
    codes, largest, _ = packed.rows(torch.arange(shape[0]))
    assert torch.equal(codes.view(-1, 2), torch.stack((held.packed >> 4, held.packed & 15), 1).view(torch.int8))
    assert torch.equal(largest.flatten(), held.scales.half().repeat_interleave(blocksize // 32))
    away = (packed.dequantised() - held.dequantised()).view(-1, 32).abs().amax(1)
    assert (away <= 0.0015 * largest.flatten()).all()


def test_nf4_is_read_as_bitsandbytes_writes_it() -> None:
    """Guards: an order of codes that only our own tests have."""
    held = quantised(torch.randn(24, 128))
    packed = pack_nf4(held.packed, held.scales, held.shape, held.blocksize)
    torch.testing.assert_close(packed.dequantised(), held.dequantised(), rtol=2e-3, atol=4e-3)
