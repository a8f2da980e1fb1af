"""Draws by torch's operators, which a GPU makes, are those of the noise, token for token."""

from __future__ import annotations

import torch

from engine.decoding.noise import choices
from engine.decoding.race import drawn


def test_the_draws_are_those_of_the_noise() -> None:
    """Guards: a word, a round or a group of tokens taken in another order. Laws of all kinds, more than at once."""
    random = torch.Generator().manual_seed(3)
    for key, position, columns in ((0, 0, 7), (2**64 - 5, 3, 1001), (12345678901234567, 70_000, 4096)):
        laws = torch.rand(19, columns, generator=random)
        laws[5:10] *= torch.rand(5, columns, generator=random) < 0.05  # few are left
        laws[10:12] = torch.eye(columns)[:2]  # nothing to choose
        laws[:, 0] += 1e-3  # none is empty
        laws[12:] = (8 * laws[12:]).softmax(dim=1)
        assert drawn(key, position, laws) == choices(key, position, laws.numpy())
