"""A lookup on the device: it takes no pass, so that a round with it needs nothing from the host."""

from __future__ import annotations

from dataclasses import dataclass

from engine import config
from engine.decoding.graphs.level import Level, Work, nothing
from engine.decoding.kernels import Board, look_up


@dataclass(frozen=True, slots=True, eq=False)
class CopyingLevel(Level):
    """Proposes what followed the tape's ending where that occurred before. It reads nothing of its ``stack``."""

    def settled(self, length: int) -> None:
        """Do nothing: it holds nothing."""

    def draft(self, board: Board, tokens: int, *, settle: bool, before: Work = nothing) -> None:
        """Propose up to ``tokens`` tokens at once."""
        before()
        source = self.stage.source
        if settle or not isinstance(source, config.Lookup):
            raise TypeError(f"{source} is judged by nobody, or no lookup")
        look_up(board, self.slot.record, source.longest, source.shortest, tokens)
