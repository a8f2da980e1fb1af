"""Every kind that can be taught is offered in words, by its own method."""

from __future__ import annotations

from engine.teaching.kinds import KINDS
from engine.teaching.offered import OFFERED


def test_every_kind_is_offered() -> None:
    """Guards against a kind that the window does not show: write its sentences in offered.py."""
    assert list(OFFERED) == list(KINDS)
    assert [each.preset for each in OFFERED.values()] == [each.preset for each in KINDS.values()]
