"""What is learnt of weights at 4 bits is still there when they are rounded again."""

from __future__ import annotations

import pytest
import torch

from engine.teaching.gains import Gains
from engine.teaching.rounding import coded, decoded, rounded


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_small_steps_outlast_rounding(kind: torch.dtype) -> None:
    """Guards against learning that falls back to where it began: all steps together are less than a level."""
    torch.manual_seed(0)
    begun = torch.randn(16, 128)
    weight = torch.nn.Parameter(decoded(*coded(begun)).view_as(begun).to(kind))
    before, wanted = weight.detach().float().clone(), 1 + 0.05 * torch.randn(32, 1)
    gains = Gains([weight])
    optimiser = torch.optim.AdamW(gains.logs, 2e-3, (0.9, 0.95), weight_decay=0.0)
    for _ in range(120):
        apart = (weight.float().view(-1, 64) - before.view(-1, 64) * wanted).view_as(before)
        weight.grad = apart.detach().to(kind)
        gains.gather()
        optimiser.step()
        gains.spread()
    with rounded([weight]):
        found = weight.detach().float().view(-1, 64)
    wished = before.view(-1, 64) * wanted
    assert (found - wished).norm() < 0.3 * (before.view(-1, 64) - wished).norm()
