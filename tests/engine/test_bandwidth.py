"""What is known of a bus: kept by the card's name, guessed carefully, and never read from a damaged file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.bandwidth import Bandwidth, guessed, kept, known_or_measured
from engine.gpus import Gpu

RTX = Gpu("RTX", "570", (8, 9), 24 * 10**9, 0, 24 * 10**9, link=(4, 16))


def test_a_card_is_measured_once(tmp_path: Path) -> None:
    """Guards against measuring at every start, and against one card's pace said of another."""
    file, found = tmp_path / "new" / "bandwidth.json", list[Bandwidth]()

    def measure() -> Bandwidth:
        found.append(Bandwidth(20e9 + len(found), 500e9, measured=True))
        return found[-1]

    for name in ("RTX", "GTX", "RTX", "GTX"):
        known_or_measured(file, name, measure)
    assert [kept(file, name) for name in ("RTX", "GTX")] == found
    assert kept(file, "another") is kept(None, "RTX") is None
    assert known_or_measured(None, "RTX", measure) == found[2]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"RTX": 3}', '{"RTX": {"bus": -1, "own": 5e11}}', '{"RTX": {}}'])
def test_a_damaged_file_is_nothing_known(tmp_path: Path, content: str) -> None:
    """Guards against a start that fails, or a pace nobody measured."""
    file = tmp_path / "bandwidth.json"
    file.write_text(content)
    assert kept(file, "RTX") is None
    assert known_or_measured(file, "RTX", lambda: Bandwidth(1e10, 2e11, measured=True)) == kept(file, "RTX")


def test_a_guess_follows_the_link() -> None:
    """Guards against guesses above what links of that kind bring, and against none where the driver says nothing."""
    links = [(0, 0), (3, 8), (3, 16), (4, 16), (5, 16), (9, 16)]
    paces = [guessed(Gpu("any", "570", (8, 9), 12 * 10**9, 0, 0, link=link)).bus for link in links]
    assert paces == sorted(paces)
    assert paces[3] == 24e9
    assert guessed(RTX).own > guessed(Gpu("small", "570", (8, 9), 8 * 10**9, 0, 0)).own
    assert not guessed(RTX).measured
