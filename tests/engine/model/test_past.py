"""The cache as the text grows and shrinks."""

from __future__ import annotations

import pytest
import torch

from engine.model import Cache
from engine.model import past as past_module
from engine.model.past import STEP, Past


def empty(limit: int, room: int) -> Cache:
    return Cache([Past.empty((2, 4), limit, room, torch.device("cpu"), torch.float32) for _ in range(3)])


def test_growing_keeps_what_is_there() -> None:
    """A chat that outgrows the first reservation and loses its beginning."""
    cache = empty(limit=4 * STEP, room=8)
    cache.layers[1].keys[:, :8] = torch.arange(64.0).view(2, 8, 4)
    cache.layers[1].values[:, :8] = 1
    cache.settle(range(1, 2), 8)
    cache.reserve(range(1, 2), 9)
    assert cache.layers[1].room == STEP + 8
    assert torch.equal(cache.layers[1].keys[:, :8], torch.arange(64.0).view(2, 8, 4))
    assert torch.equal(cache.layers[1].values[:, :8], torch.ones(2, 8, 4))
    assert cache.layers[0].room == cache.layers[2].room == 8  # other layers take room when they need it


def test_memory_that_ends_while_it_grows_leaves_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of one room beside values of another, so that every later write fails until the model is loaded again."""
    cache, widened = empty(limit=4 * STEP, room=8), past_module._widened

    def fail_at_values(old: torch.Tensor, length: int, room: int) -> torch.Tensor:
        if old is cache.layers[0].values:
            raise torch.OutOfMemoryError
        return widened(old, length, room)

    monkeypatch.setattr(past_module, "_widened", fail_at_values)
    with pytest.raises(torch.OutOfMemoryError):
        cache.reserve(range(1), 9)
    monkeypatch.undo()
    cache.reserve(range(1), 9)
    assert cache.layers[0].keys.shape == cache.layers[0].values.shape == (2, STEP + 8, 4)


def test_the_limit_holds() -> None:
    """A cache that grows past the model's context instead of saying so."""
    cache = empty(limit=10, room=4)
    cache.reserve(range(3), 10)
    assert cache.layers[0].room == 10
    with pytest.raises(RuntimeError, match="11 positions"):
        cache.reserve(range(3), 11)


def test_rewinding_shortens_only() -> None:
    """A rewind that lengthens a layer which is behind, inventing tokens it never saw."""
    cache = empty(limit=10, room=10)
    for past, length in zip(cache.layers, (9, 5, 2), strict=True):
        past.length = length
    cache.rewind(4)
    assert cache.lengths == [4, 4, 2]
    cache.rewind(1, range(1, 2))
    assert cache.lengths == [4, 1, 2]
