"""A level on the device that guesses a block at once: what layers of the target made of the text is in their rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.config import Stage
from engine.decoding.graphs.intake import Intake
from engine.decoding.graphs.level import Level, Work, nothing
from engine.decoding.graphs.slots import Slot
from engine.decoding.graphs.stack import Stack
from engine.decoding.kernels import Board, doubt, lean, open_block, open_rows
from engine.model.decode import TOKENS, spoken
from engine.model.drafters.block import BlockDrafter
from engine.model.drafters.block_decode import decode_block, take_in
from engine.model.linear import Blocked, Dense, Linear


class BlockIntake(Intake):
    """Makes keys and values of what the target made of all tokens that stand. ``mask``: [1, width], its embedding."""

    def __init__(self, stack: Stack, drafter: BlockDrafter) -> None:
        super().__init__(stack, drafter, drafter.shape.taps)
        self.drafter = drafter
        self.mask = stack.model.embed(torch.tensor([drafter.shape.mask], device=stack.model.device))

    def read(self, states: Sequence[Tensor], following: Sequence[int]) -> None:  # noqa: ARG002 - heads read them
        """See Intake."""
        self.drafter.take(torch.cat(list(states), dim=1))

    def work(self, board: Board, rings: Sequence[Tensor]) -> None:
        """See Intake."""
        _, states = open_rows(board, self.mask, rings, TOKENS, self.starts, None, placed=True)
        take_in(self.drafter, states, self.starts[:1])


@dataclass(frozen=True, slots=True, eq=False)
class BlockLevel(Level):
    """A drafter of blocks, directly below the target.

    ``head``: what it reads, for ``tokens`` (int32 [m]; None for all). ``markov``: both tables of its Markov head, the
    second for those tokens. ``least``: it stops where it is less sure of a token. ``starts``: int32 [2], the first
    position taken in over again, and the next. ``proposed``: the most tokens it, or another in its place, proposes.
    """

    drafter: BlockDrafter
    taken: BlockIntake
    head: Linear
    tokens: Tensor | None
    markov: tuple[Tensor, Tensor] | None
    least: float
    starts: Tensor
    proposed: int

    @classmethod
    def at(
        cls,
        index: int,
        stage: Stage,
        stack: Stack,
        slot: Slot,
        taken: BlockIntake,
        head: tuple[Linear, Tensor | None],
        least: float,
        others: int = 0,
    ) -> BlockLevel:
        """Return it as level ``index``; ``head``: what it reads and the tokens of that (int64 [m]).

        ``others``: the most tokens that another proposes in its place.
        """
        reads, tokens = head
        drafter, starts = taken.drafter, slot.start.new_zeros(2)
        weights = drafter.weights
        markov = None
        if weights.markov is not None:
            cut = weights.markov.of(tokens if weights.tokens is None else None)
            markov = cut.rows, _matrix(cut.spread)
        ids = None if tokens is None else tokens.int()
        proposed = max(min(stage.window.tokens, drafter.shape.tokens), others)
        passes = index, stage, stack, slot, 0, 0, (), drafter.shape.rows  # it runs no layer of the target
        return cls(*passes, drafter, taken, reads, ids, markov, least, starts, proposed)

    @property
    def intake(self) -> Intake:
        """See Level."""
        return self.taken

    @property
    def ids(self) -> Tensor | None:
        """See Level."""
        return self.tokens

    def settled(self, length: int) -> None:
        """See Level: a pass takes in what may have come in one round, the window and a token behind it."""
        self.drafter.settle(max(length - self.proposed - 2, 0))

    def draft(self, board: Board, tokens: int, *, settle: bool, before: Work = nothing) -> None:
        """Make the pass, and draw up to ``tokens`` tokens from it one after another."""
        slot, drafter, tokens = self.slot, self.drafter, min(tokens, self.drafter.shape.tokens)
        embedding, rows = self.stack.model.embedding, drafter.shape.rows
        hidden = open_block(board, embedding, self.taken.mask, rows, slot.start, slot.record)
        hidden = decode_block(drafter, self._features(board), hidden, self.starts[:1], slot.start)
        hidden = hidden[0 if drafter.shape.anchored else 1 :][:tokens]
        logits = spoken(self.head, hidden) if hidden.is_cuda else self.head(hidden)
        before()
        for step in range(tokens):
            self._lean(logits, hidden, board, step)
            self.drawn(logits, board, step, settle=settle)

    def _features(self, board: Board) -> Tensor:
        """Return what the target made of the last tokens but the newest, [window + 1, taps * width]."""
        rings = [self.stack.ring(depth) for depth in self.drafter.shape.taps]
        no_embeddings = self.taken.mask  # are needed
        return open_rows(board, no_embeddings, rings, self.proposed + 1, self.starts, None)[1]

    def _lean(self, logits: Tensor, states: Tensor, board: Board, step: int) -> None:
        """Make the logits of the next token those behind the newest one, and stop where that is in doubt."""
        start, rows = self.slot.start, self.markov[0] if self.markov else None
        if step and self.least and self.drafter.weights.confidence:
            doubt(states, start, board, rows, *self.drafter.weights.confidence, self.least)
        if self.markov:
            lean(logits, start, board, *self.markov, idle=board.idle if step else None)


def _matrix(linear: Linear) -> Tensor:
    """Return the matrix [columns, rank] of a product that is kept as numbers."""
    dense = linear.dense() if isinstance(linear, Blocked) else linear
    if not isinstance(dense, Dense):
        raise TypeError(f"{type(linear).__name__} weights are not for this path")
    return dense.weight
