"""Each form of a matrix gives the same product."""

from __future__ import annotations

import pytest
import torch

from engine.model import linear
from engine.model.kernels.backend import NF4
from engine.model.linear import Blocked, Dense, Nf4, Small, Stacked, blocked, padded, quantised, rows_of, stacked


@pytest.fixture(params=[1 << 18, 0], ids=["small", "in oneDNN's layout"])
def _few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let products be of few weights, or of many."""
    monkeypatch.setattr(linear, "FEW", request.param)


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("rows", range(1, 18))
def test_the_blocked_layout_multiplies_like_the_plain_one(rows: int) -> None:
    """Padding rows that leak into the result, a forgotten bias, or a layout that does not fit a size."""
    torch.manual_seed(rows)
    dense = Dense(torch.randn(90, 48), torch.randn(90))
    fast = blocked(dense)
    x = torch.randn(rows, 48)
    torch.testing.assert_close(fast(x), dense(x), atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("shape", [(90, 48), (300, 32), (64, 128)])
def test_a_token_is_worth_the_same_alone(shape: tuple[int, int]) -> None:
    """A greedy reply that changes with the number of tokens in a pass: up to four rows run the very same kernel."""
    fast = blocked(Dense(torch.randn(shape)))
    if not isinstance(fast, Blocked | Small):
        pytest.skip("this CPU multiplies plainly")
    x = torch.randn(40, shape[1])
    together = fast(x)
    assert all(torch.equal(fast(x[:rows]), together[:rows]) for rows in range(1, 40))
    assert torch.equal(torch.cat([fast(row[None]) for row in x]), together)


def test_few_heights_of_a_product_come_up_whatever_the_prompt_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "FEW", 0)
    fast, heights = blocked(Dense(torch.randn(24, 16))), set[int]()
    if not isinstance(fast, Blocked):
        pytest.skip("no oneDNN for x86 here")
    product = torch.ops.mkldnn._linear_pointwise

    def spied(x: torch.Tensor, *rest: object) -> object:
        heights.add(len(x))
        return product(x, *rest)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", spied)
    for rows in range(1, 257):
        assert fast(torch.ones(rows, 16)).shape == (rows, 24)
    assert heights == {padded(rows) for rows in range(1, 257)}
    assert len(heights) == 49


def test_joined_codes_equal_the_parts_apart() -> None:
    """Bytes, scales or biases joined in the wrong order."""
    parts = [quantised(torch.randn(rows, 64), torch.randn(rows)) for rows in (16, 8, 8)]
    joined = stacked(parts)
    assert isinstance(joined, Nf4)
    assert joined.shape == (32, 64)
    assert joined.bias is not None
    assert torch.equal(joined.bias, torch.cat([part.bias for part in parts if part.bias is not None]))
    assert torch.equal(joined.dequantised(), torch.cat([part.dequantised() for part in parts]))


@pytest.mark.parametrize("difference", ["kind", "blocks"])
def test_parts_that_do_not_fit_stay_apart(difference: str) -> None:
    """Matrices joined under one block size, so that one of them changes its values."""
    first = quantised(torch.randn(16, 64))
    second: Dense | Nf4 = quantised(torch.randn(16, 64))
    if difference == "kind":
        second = Dense(torch.randn(16, 64))
    else:
        first = Nf4(first.packed, first.scales.repeat_interleave(2), first.code, (16, 64), 32)
    joined = stacked([first, second])
    assert isinstance(joined, Stacked)
    x = torch.randn(3, 64)
    expected = [x @ (part.dequantised() if isinstance(part, Nf4) else part.weight).T for part in (first, second)]
    torch.testing.assert_close(joined(x), torch.cat(expected, dim=1), atol=1e-4, rtol=1e-4)


def test_the_codes_are_bitsandbytes_own() -> None:
    """A digit wrong in our table: sound checkpoints refused, or a foreign table taken for NF4."""
    from bitsandbytes.functional import get_4bit_type

    theirs = get_4bit_type("nf4", device="cpu")  # type: ignore[no-untyped-call]
    assert torch.equal(theirs, torch.tensor(NF4))


@pytest.mark.parametrize("kind", ["dense", "blocked", "nf4"])
def test_rows_of_a_product_are_those_rows(kind: str) -> None:
    """A draft vocabulary is rows of the head; a shifted scale or byte would give other tokens' logits."""
    weight, rows = torch.randn(96, 64, generator=torch.Generator().manual_seed(3)), torch.tensor([1, 2, 40, 95])
    x = torch.randn(3, 64, generator=torch.Generator().manual_seed(4))
    whole = quantised(weight) if kind == "nf4" else blocked(Dense(weight)) if kind == "blocked" else Dense(weight)
    cut = rows_of(whole, rows)
    if isinstance(whole, Nf4):
        assert isinstance(cut, Nf4)
        assert torch.equal(cut.dequantised(), whole.dequantised()[rows])
    else:
        assert torch.allclose(cut(x), whole(x)[:, rows], atol=1e-5)
