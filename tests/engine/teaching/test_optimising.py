"""What moves weights where memory is short: 16 bits hold what many small steps come to."""

from __future__ import annotations

import pytest
import torch

from engine.bench.shapes import SHAPES
from engine.dimensions import as_nf4
from engine.errors import DeviceError
from engine.teaching import room
from engine.teaching.kinds import KINDS
from engine.teaching.muon import Muon
from engine.teaching.rounding import rounded

SHAPE = as_nf4(SHAPES["llama-3.1-8b"])
BATCHES = 8192, 4096, 2048


def test_small_steps_in_16_bits_add_up() -> None:
    """Guards against steps that are lost because they are smaller than what 16 bits tell apart."""
    torch.manual_seed(0)
    whole = torch.nn.Parameter(torch.full((48, 64), 0.5))
    short = torch.nn.Parameter(whole.detach().bfloat16())
    optimisers = [Muon([weight], decay=0.01) for weight in (whole, short)]
    direction = torch.randn(48, 64)
    for _ in range(60):
        for weight, optimiser in zip((whole, short), optimisers, strict=True):
            weight.grad = direction.to(weight.dtype)
            optimiser.step(1e-3)
    moved = whole.detach() - 0.5
    assert moved.abs().mean() < 0.02, "a step is less than half of what 16 bits tell apart"
    apart = short.detach().float() - whole.detach()
    assert apart.mean().abs() < 2e-4
    assert (short.detach().float() - 0.5).flatten() @ moved.flatten() > 0.8 * moved.norm() ** 2


def test_16_bits_are_their_own_again_after_they_were_rounded() -> None:
    weight = torch.nn.Parameter(torch.randn(4, 64).bfloat16())
    before = weight.detach().clone()
    with rounded([weight]):
        assert not torch.equal(weight, before)
    assert torch.equal(weight, before)


def test_a_course_takes_the_layers_and_the_tokens_that_fit() -> None:
    """Guards against a refusal where fewer tokens a step, or layers of a draft, would do."""
    draft = KINDS["draft"]
    whole = draft.layers(32)
    for free in (24e9, 16e9, 13e9):
        layers, batch = room.fitting(SHAPE, draft, whole, BATCHES, int(free))
        assert room.needed(SHAPE, draft, layers, batch) <= free
        more = [(layers, each) for each in BATCHES if each > batch] + [(layers + 1, BATCHES[-1])] * (layers < whole)
        assert all(room.needed(SHAPE, draft, *each) > free for each in more)
    assert room.fitting(SHAPE, draft, 5, BATCHES, int(13e9), least=5)[0] == 5, "as was asked"
    assert room.smaller(SHAPE, draft, 5, 5, 2048) == ""
    assert "3 layers instead of 5 to fit this GPU; 5 take one of 1" in room.smaller(SHAPE, draft, 5, 3, 2048)
    layers, batch = room.fitting(SHAPE, draft, whole, BATCHES, 4 << 30)
    with pytest.raises(DeviceError, match="GB of the GPU's memory"):
        room.require(room.needed(SHAPE, draft, layers, batch), 4 << 30, "Llama")
