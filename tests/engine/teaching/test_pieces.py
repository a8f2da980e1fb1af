"""Matrices that are moved and rounded a piece at a time come out as they do whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.teaching import pieces
from engine.teaching.muon import Muon
from engine.teaching.rounding import coded, decoded, rounded

SHAPES = (64, 96), (96, 64), (64, 96), (32, 320)


def moved(kind: torch.dtype) -> list[Tensor]:
    """Return matrices of ``kind`` after two steps."""
    torch.manual_seed(3)
    weights = [torch.nn.Parameter(torch.randn(shape).to(kind)) for shape in SHAPES]
    optimiser = Muon(weights)
    for _ in range(2):
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        optimiser.step(0.05)
    return [*(weight.detach() for weight in weights), *optimiser.velocity]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_matrices_move_piece_by_piece_as_they_do_whole(kind: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a piece that is left out or read after it was written, and draws in another order."""
    whole = moved(kind)
    monkeypatch.setattr(pieces, "PIECE", 1000)
    for one, other in zip(moved(kind), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2 if kind == torch.bfloat16 else 1e-4, atol=2e-3)


def test_matrices_are_rounded_piece_by_piece_as_they_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(4)
    weight = torch.nn.Parameter(torch.randn(33, 64))
    whole = decoded(*coded(weight)).view_as(weight)
    before = weight.detach().clone()
    monkeypatch.setattr(pieces, "PIECE", 640)
    assert torch.equal(decoded(*coded(weight)).view_as(weight), whole)
    with rounded([weight]):
        assert torch.equal(weight, whole)
    assert torch.equal(weight, before)
