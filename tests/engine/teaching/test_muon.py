"""The optimiser of matrices."""

from __future__ import annotations

import torch

from engine.teaching.muon import Muon, orthogonal


def test_muon_makes_steps_of_equal_singular_values() -> None:
    """Guards against a batched Newton-Schulz that mixes matrices or forgets to turn tall ones back."""
    torch.manual_seed(0)
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((64, 32), (32, 64), (64, 32))]
    optimiser = Muon(weights, decay=0)
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    optimiser.step(0.1)
    for weight in weights:
        values = torch.linalg.svdvals(weight.detach()) / (0.1 * max(1, weight.shape[0] / weight.shape[1]) ** 0.5)
        assert values.min() > 0.5
        assert values.max() < 1.5
        assert weight.grad is not None
        assert (weight.detach() * weight.grad).sum() < 0


def test_a_processor_does_not_multiply_in_16_bits() -> None:
    """Guards against steps that take seven times as long: few processors multiply batches of bfloat16."""
    assert orthogonal(torch.randn(2, 3, 4)).dtype == torch.float32
