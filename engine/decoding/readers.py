"""What levels read: the passes they ask for, whatever makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.decoding.laws import Laws


class Held(Protocol):
    """What a level reads, with what that holds of the tape."""

    index: int

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches to ``upto`` tokens of the tape."""

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""


class Reader(Held, Protocol):
    """What the laws of a level come from: an exit of a model, a whole model, or a table in a test."""

    def laws(self, tape: Sequence[int], mark: int, rows: int) -> Laws:
        """Return the laws after tape[:mark], tape[:mark + 1], ... (``rows`` of them) in one pass."""


class Guesser(Held, Protocol):
    """What guesses several tokens in one pass."""

    def guess(self, tape: Sequence[int]) -> int:
        """Make the pass behind ``tape``; return how many positions it computed."""

    def law(self, tape: Sequence[int]) -> Laws | None:
        """Return the law after ``tape``, to which tokens may have come since; None where it guesses no further."""
