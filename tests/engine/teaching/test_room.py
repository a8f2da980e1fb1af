"""What does not fit is refused with both numbers before anything is loaded, on a GPU and on a processor."""

from __future__ import annotations

import pytest

from engine.account import CONTEXT, RUNTIME, needs
from engine.config import ModelSet
from engine.dimensions import as_nf4, read_dimensions
from engine.errors import DeviceError
from engine.library.shapes import LLAMA31_8B
from engine.teaching.kinds import KINDS
from engine.teaching.learnt import LEARNS
from engine.teaching.room import fitting, needed, require
from engine.teaching.sitting import BATCHES


def test_a_processor_holds_weights_in_32_bits_and_a_gpu_in_fewer(family: ModelSet) -> None:
    target = read_dimensions(family.target)
    head = KINDS["head"]
    more = needed(target, head, 0, 1024, "cpu") - needed(target, head, 0, 1024)
    assert 0 < more < 4 * target.architecture.parameters


def test_weights_as_they_are_stored_take_16_bits_of_a_gpu(family: ModelSet) -> None:
    """Guards against a course that is let in with room for four bits, and ends when the last layer is read."""
    target, head = read_dimensions(family.target), KINDS["head"]
    of_layers = target.architecture.parameters - target.embedding
    more = needed(target, head, 0, 1024, as_stored=True) - needed(target, head, 0, 1024)
    assert more == pytest.approx(of_layers * (2 - 0.5 - 4 / 64), rel=0.02)  # norms are 16-bit in either case
    both = [needed(target, head, 0, 1024, "cpu", as_stored=asked) for asked in (True, False)]
    assert both[0] == both[1]
    with pytest.raises(DeviceError, match=r"Teaching A with its weights in 16 bits takes 8\.9 GB of the GPU's"):
        require(8_900_000_000, 5_100_000_000, "A", as_stored=True)


def test_what_does_not_fit_is_refused_with_numbers() -> None:
    require(5 * 10**9, 5 * 10**9, "A")
    with pytest.raises(DeviceError, match=r"takes 8\.9 GB of the GPU's memory, and 5\.1 GB are free") as refused:
        require(8_900_000_000, 5_100_000_000, "A")
    assert "use the GPU" in refused.value.hint
    with pytest.raises(DeviceError, match=r"8\.9 GB of the computer's memory"):
        require(8_900_000_000, 5_100_000_000, "A", "cpu")


def test_what_no_other_program_could_make_room_for_is_another_refusal() -> None:
    """Guards against a chat's model that is unloaded for nothing: "memory" is what others may have."""
    with pytest.raises(DeviceError) as refused:
        require(9 * 10**9, 5 * 10**9, "A", whole=12 * 10**9)
    assert refused.value.kind == "memory"
    with pytest.raises(DeviceError, match=r"takes 9\.0 GB of memory, and the GPU has 8\.0 GB") as refused:
        require(9 * 10**9, 5 * 10**9, "A", whole=8 * 10**9)
    assert refused.value.kind != "memory"


def test_a_12_gb_card_has_room_for_an_8b_that_learns_on_alone_and_not_beside_another() -> None:
    """Guards against sessions that are always refused on the cards learning on is built for."""
    target, free = (
        as_nf4(LLAMA31_8B),
        12 * 2**30 - RUNTIME - CONTEXT - 300 * 10**6,
    )  # CUDA twice, and a desktop
    for role in LEARNS:
        _, batch = fitting(target, KINDS[role], 0, BATCHES, free)
        assert needed(target, KINDS[role], 0, batch) <= free
        assert needed(target, KINDS[role], 0, batch) > free - needs([target], 8192, "cuda").weights
