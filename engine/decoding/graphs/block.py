"""A level on the device that guesses a block at once: what layers of the target made of the text is in their rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.config import Stage
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.slots import Slot
from engine.decoding.graphs.stack import Stack
from engine.decoding.kernels import Board, doubt, draw, lean, open_block, recall
from engine.decoding.trunk import Tap, drained
from engine.model.decode import spoken
from engine.model.drafters.block import BlockDrafter
from engine.model.drafters.block_decode import decode_block
from engine.model.linear import Blocked, Dense, Linear


@dataclass(frozen=True, slots=True, eq=False)
class BlockLevel(Level):
    """A drafter of blocks, directly below the target.

    ``head``: what it reads, for ``tokens`` (int32 [m]; None for all). ``markov``: both tables of its Markov head, the
    second for those tokens. ``least``: it stops where it is less sure of a token. ``began``: int32 [1], the first
    position taken in over again.
    """

    drafter: BlockDrafter
    head: Linear
    tokens: Tensor | None
    markov: tuple[Tensor, Tensor] | None
    least: float
    began: Tensor
    open_taps: list[Tap] = field(default_factory=list)

    @classmethod
    def at(
        cls,
        stage: Stage,
        stack: Stack,
        slot: Slot,
        drafter: BlockDrafter,
        head: tuple[Linear, Tensor | None],
        least: float,
    ) -> BlockLevel:
        """Return it as the bottom of a chain; ``head``: what it reads and the tokens of that (int64 [m])."""
        reads, tokens = head
        weights, start = drafter.weights, torch.zeros_like(slot.start)
        markov = None
        if weights.markov is not None:
            cut = weights.markov.of(tokens if weights.tokens is None else None)
            markov = cut.rows, _matrix(cut.spread)
        ids = None if tokens is None else tokens.int()
        rows = drafter.shape.rows
        return cls(0, stage, stack, slot, 0, 0, (), rows, drafter, reads, ids, markov, least, start)

    @property
    def wanted(self) -> int:
        """The most tokens of a window."""
        return min(self.stage.window.tokens, self.drafter.shape.tokens)

    def open(self) -> None:
        """See Level."""
        self.open_taps[:] = [self.stack.tap(depth, self.drafter.held) for depth in self.drafter.shape.taps]

    def prefill(self, tape: Sequence[int], upto: int) -> None:  # noqa: ARG002 - it is in the taps
        """See Level."""
        self.drafter.take(drained(self.open_taps, self.drafter.held))

    def settled(self, length: int) -> None:
        """See Level: a pass takes in what may have come in one round, the window and a token behind it."""
        self.drafter.settle(max(length - self.wanted - 2, 0))

    def draft(self, board: Board, tokens: int, *, settle: bool) -> None:
        """Make the pass, and draw up to ``tokens`` tokens from it one after another."""
        slot, drafter, tokens = self.slot, self.drafter, min(tokens, self.drafter.shape.tokens)
        mask, rows = drafter.shape.mask, drafter.shape.rows
        hidden = open_block(board, self.stack.model.embedding, rows, mask, slot.start, slot.record)
        hidden = decode_block(drafter, self._features(board), hidden, self.began, slot.start)
        hidden = hidden[0 if drafter.shape.anchored else 1 :][:tokens]
        logits = spoken(self.head, hidden) if hidden.is_cuda else self.head(hidden)
        for step in range(tokens):
            self._lean(logits, hidden, board, step)
            entropy = self.stage.window.entropy
            law = slot.laws, slot.record
            draw(logits, slot.start, board, *law, ids=self.tokens, entropy=entropy, first=step == 0, settle=settle)

    def _features(self, board: Board) -> Tensor:
        """Return what the target made of the last tokens but the newest, [window + 1, taps * width]."""
        taps, width, like = self.drafter.shape.taps, self.stack.model.width, self.stack.model.norm
        states = torch.empty(self.wanted + 1, len(taps) * width, dtype=like.dtype, device=like.device)
        for index, depth in enumerate(taps):
            part = states[:, index * width : (index + 1) * width]
            recall(self.stack.ring(depth), board, len(states), self.began, None, behind=1, out=part)
        return states

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
