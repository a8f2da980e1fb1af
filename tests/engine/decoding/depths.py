"""Which levels ``produce`` was asked for, by how many levels lie below them."""

from __future__ import annotations

import pytest

from engine.decoding import hierarchy
from engine.decoding.graphs import chain
from engine.decoding.hierarchy import Drafting, Level
from engine.decoding.tape import Tape


def record_depths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with every production from now on."""
    depths, produce = list[int](), hierarchy.produce

    def recorded(level: Level, tape: Tape) -> Drafting:
        depths.append(_below(level))
        return produce(level, tape)

    monkeypatch.setattr(hierarchy, "produce", recorded)
    monkeypatch.setattr(chain, "produce", recorded)
    return depths


def _below(level: Level) -> int:
    return 0 if level.below is None else 1 + _below(level.below)
