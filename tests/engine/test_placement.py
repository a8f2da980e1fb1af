"""Which layers stay on a GPU: counted for shapes of many sizes, on cards that need not be there."""

from __future__ import annotations

import pytest

from engine.account import LEAST, needs
from engine.dimensions import Dimensions, as_nf4
from engine.errors import DeviceError
from engine.library.shapes import LLAMA31_8B, LLAMA32_1B, QWEN3_06B, QWEN3_14B, SMOLLM2_135M
from engine.placement import Host, Placement, host_memory, place, require_host, unpinned

SETS = {
    "one small": [SMOLLM2_135M],
    "tied": [QWEN3_14B, QWEN3_06B],
    "three": [LLAMA31_8B, LLAMA32_1B, LLAMA32_1B],
}


def dimensions(name: str) -> list[Dimensions]:
    """Return a set's dimensions, all at 4 bits."""
    return [as_nf4(shape) for shape in SETS[name]]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("share", [0.99, 0.7, 0.4, 0.2])
def test_as_many_layers_stay_as_fit(name: str, share: float) -> None:
    """One more would not fit, one fewer would leave memory unused; nothing is in two places, nothing in none."""
    levels, context = dimensions(name), LEAST
    whole = needs(levels, context, "cuda")
    least = needs(levels, context, "cuda", streamed=levels[0].architecture.layers).total
    free = int(least + share * (whole.total - least))
    placed = place(levels, context, free)
    assert placed is not None
    assert placed.resident + placed.streamed == levels[0].architecture.layers
    if placed.streamed:
        asked = needs(levels, context, "cuda", streamed=placed.streamed)
        assert asked.total <= free
        assert placed.streamed == 1 or needs(levels, context, "cuda", streamed=placed.streamed - 1).total > free


@pytest.mark.parametrize("name", SETS)
def test_what_leaves_the_card_is_with_the_host(name: str) -> None:
    """Guards the sum: each matrix of a layer is on the card or with the host, and two layers' worth of buffers come."""
    levels = dimensions(name)
    layers = levels[0].architecture.layers
    whole = needs(levels, LEAST, "cuda")
    layer = whole.levels[0].linears // layers
    for streamed in (1, layers // 2, layers):
        some = needs(levels, LEAST, "cuda", streamed=streamed)
        assert some.levels[0].linears == layer * (layers - streamed)
        assert some.host == whole.host + layer * streamed
        assert some.levels[0].buffers == 2 * layer
        assert some.caches == whole.caches
        assert some.levels[1:] == whole.levels[1:]


def test_wide_passes_are_counted() -> None:
    """Guards against a card filled with layers to the brim, and then laws and states of 4,096 prompt tokens."""
    levels = [as_nf4(LLAMA31_8B)]
    besides = needs(levels, LEAST, "cuda", streamed=1).workspace - needs(levels, LEAST, "cuda").workspace
    assert besides >= 129 * 128_256 * 12 + 4096 * 4096 * 2 * 2


def test_nothing_streams_where_all_fits_and_nothing_is_placed_where_the_rest_does_not() -> None:
    """Guards both ends: a card with room for all keeps all, one without room for caches is promised nothing."""
    levels = dimensions("three")
    assert place(levels, LEAST, needs(levels, LEAST, "cuda").total) == Placement(32)
    least = needs(levels, LEAST, "cuda", streamed=32).total
    assert place(levels, LEAST, least) == Placement(0, 32)
    assert place(levels, LEAST, least - 1) is None
    assert Placement(3, 5).away == (3, 4, 5, 6, 7)
    assert Placement(3, 5, spread=True).away == (1, 3, 4, 6, 7)
    assert Placement(8, spread=True).away == ()
    assert (Placement(32).words, Placement(2, 30).words) == ("", ", 30 of 32 layers in the computer's memory")


def test_a_host_without_the_room_is_named_with_numbers() -> None:
    """What neither card nor host can hold is refused before a byte is read."""
    asked = needs(dimensions("three"), LEAST, "cuda", streamed=30)
    require_host(asked, Host(asked.host, asked.host))
    with pytest.raises(DeviceError, match=r"memory .* 1\.0 GB are free"):
        require_host(asked, Host(10**9, 10**9))


@pytest.mark.parametrize(
    ("system", "release", "pinned", "helps"),
    [
        ("Linux", "6.8", 60, "other programs"),
        ("Windows", "11", 32, "half of the memory"),
        ("Linux", "6.6-microsoft-WSL2", 0, "Updraft in Windows itself"),
    ],
)
def test_windows_pins_half_of_its_memory(
    monkeypatch: pytest.MonkeyPatch, system: str, release: str, pinned: int, helps: str
) -> None:
    """Guards against a promise of the bus' whole pace for weights that a system will not pin."""
    gib = 1 << 30
    memory = type("Memory", (), {"total": 64 * gib, "available": 60 * gib})
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.release", lambda: release)
    free = 56 * gib
    assert host_memory() == Host(free, min(free, pinned * gib))
    assert helps in unpinned()
