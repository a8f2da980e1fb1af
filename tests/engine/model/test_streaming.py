"""Layers that come over the bus: the same states bit for bit as where all of them stay, and memory that is counted."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from engine.config import Weights
from engine.errors import DeviceError
from engine.model import Transformer, load
from engine.model.linear import Dense, _has_onednn
from engine.model.streaming.bus import Bus
from engine.model.streaming.hosted import Hosted
from engine.model.streaming.layout import Layout
from engine.placement import Placement
from tests.engine.family import finish
from tests.engine.model.tiny import logits

CheckpointOf = Callable[[str], tuple[Path, PreTrainedModel]]
TEXT = torch.arange(0, 90, 3)
LAYERS = 5


def held(folder: Path, resident: int, weights: Weights = "exact", *, spread: bool = False) -> Transformer:
    placed = Placement(resident, LAYERS - resident, spread)
    return finish(load(folder, torch.device("cpu"), weights=weights, placement=placed))


def cut(model: Transformer) -> Tensor:
    """Return the logits of TEXT read in passes of all kinds: few tokens, spans of layers, some of them taken back."""
    cache, made = model.new_cache(len(TEXT)), []
    for at, width in ((0, 7), (7, 1), (8, 12), (20, 10)):
        hidden = model.embed(TEXT[at : at + width])
        lower = model.run(hidden, range(3), cache)
        cache.rewind(at, range(3))  # as if an early exit had guessed in vain
        lower = model.run(hidden, range(3), cache)
        made.append(model.read(model.run(lower, range(3, LAYERS), cache)))
    return torch.cat(made)


@pytest.mark.parametrize(
    ("resident", "weights", "spread"),
    [
        (0, "exact", False),
        (1, "8 bits", False),
        (2, "exact", False),
        (2, "exact", True),
        (3, "exact", True),
        (2, "stored", True),
        (4, "exact", False),
    ],
)
def test_a_streamed_model_says_the_same(
    checkpoint_of: CheckpointOf, resident: int, weights: Weights, spread: bool
) -> None:
    """Guards: a layer read before it came or after another took its place, with even and odd numbers of them."""
    folder, _ = checkpoint_of("llama")
    whole, streamed = held(folder, LAYERS, weights), held(folder, resident, weights, spread=spread)
    assert whole.bus is None
    assert streamed.bus is not None
    for _ in range(2):  # the second pass begins with what the first has left in the buffers
        assert torch.equal(logits(streamed, TEXT), logits(whole, TEXT))
    assert torch.equal(cut(streamed), cut(whole))


@pytest.mark.parametrize("variant", ["biased", "qwen3_biased", "qwen2_window", "wide_heads"])
def test_whatever_a_layer_is_made_of_is_kept(checkpoint_of: CheckpointOf, variant: str) -> None:
    """Guards biases, norms of heads and windows, which stay on the device."""
    folder, _ = checkpoint_of(variant)
    assert torch.equal(logits(held(folder, 2, "8 bits"), TEXT), logits(held(folder, LAYERS, "8 bits"), TEXT))


def test_the_host_s_memory_is_counted_and_given_back(checkpoint_of: CheckpointOf) -> None:
    """What the account promises of a computer's memory is what a model takes there, to the byte."""
    folder, _ = checkpoint_of("llama")
    model = held(folder, 2)
    assert model.bus is not None
    matrices = chain.from_iterable(block.matrices for block in model.blocks[2:])
    assert model.bus.bytes == sum(matrix.weight.nbytes for matrix in matrices if isinstance(matrix, Dense))
    hosted = [each.memory.untyped_storage()._weak_ref() for each in model.bus.hosted]
    del model, matrices
    gc.collect()
    assert all(torch.UntypedStorage._expired(each) for each in hosted)


def test_memory_that_the_system_does_not_give_is_said_to_be_full() -> None:
    """Guards: a traceback of an allocator where a sentence helps."""
    with pytest.raises(DeviceError, match="memory is full"):
        Hosted(1 << 60, torch.device("cpu"))


def test_a_library_s_own_layout_is_refused(checkpoint_of: CheckpointOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes mean nothing elsewhere: a sentence is better than noise."""
    folder, _ = checkpoint_of("llama")
    monkeypatch.setattr("engine.model.linear.FEW", 0)
    if not _has_onednn():
        pytest.skip("there is no oneDNN")
    with pytest.raises(TypeError, match="oneDNN"):
        held(folder, 2)


def test_all_matrices_of_a_layer_lie_in_one_piece(checkpoint_of: CheckpointOf) -> None:
    """A copy each would cost the bus its pace."""
    folder, _ = checkpoint_of("llama")
    block = held(folder, LAYERS, "4 bits").blocks[0]
    layout = Layout.of(block)
    memory = torch.zeros(layout.bytes, dtype=torch.uint8)
    layout.fill(memory, block)
    for found, matrix in zip(layout.over(memory).matrices, block.matrices, strict=True):
        assert torch.equal(found.dequantised(), matrix.dequantised())  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_no_buffer_is_filled_while_what_it_holds_is_still_to_be_read(
    monkeypatch: pytest.MonkeyPatch, checkpoint_of: CheckpointOf, count: int
) -> None:
    """On a GPU copies run ahead. Each is put on its way behind the passes that read what it overwrites, the two next
    layers at once, and over several passes each layer crosses once a pass.
    """
    folder, _ = checkpoint_of("llama")
    block = held(folder, LAYERS).blocks[0]
    lane = Watched()
    bus = Bus(torch.device("cpu"))
    for layer in range(3, 3 + count):
        bus.take(layer, block)
    bus.blocks()
    monkeypatch.setattr(bus, "_lane", lane)
    passes = 4
    for _ in range(passes):
        for some in bus.near(range(1, 3 + count)):
            if some.start >= 3:
                assert lane.holds[(some.start - 3) % 2] is bus.hosted[some.start - 3]
    crossed = sum(event == "bring" for event, _ in lane.events)
    crossing = {1: 0, 2: 0, 3: 2}.get(count, count)  # of three the middle one has a buffer to itself
    assert "longer" in bus.note  # nothing of it is pinned
    assert crossed == passes * crossing + min(count, 2)  # two are there, or ahead
    for slot in range(min(count, 2)):
        mine = [event for event, of in lane.events if of == slot]
        assert "bring bring" not in " ".join(mine)  # or a layer was never read


class Watched:
    """Stands for the stream of copies: keeps what would happen."""

    def __init__(self) -> None:
        self.holds: dict[int, object] = {}
        self.events: list[tuple[str, int]] = []

    def bring(self, hosted: object, _target: Tensor, slot: int) -> None:
        self.holds[slot] = hosted
        self.events.append(("bring", slot))

    def wait(self, slot: int) -> None:
        self.events.append(("wait", slot))

    def read(self, slot: int) -> None:
        self.events.append(("read", slot))
