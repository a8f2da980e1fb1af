"""What each level of a hierarchy puts on the device: the passes of a draft, the pass and verdict of a judgement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from engine.config import Stage
from engine.decoding.graphs.intake import Intake
from engine.decoding.graphs.slots import Slot
from engine.decoding.graphs.stack import Stack
from engine.decoding.kernels import Board, draw, judge, open_pass, recall, shape_laws

Work = Callable[[], None]


def nothing() -> None:
    """Do nothing: what lies below the lowest level does."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One level on the device.

    ``depth``: after how many layers of ``stack`` its laws are read; ``lower``: through how many of them the level below
    has already taken what it proposed (0: none). ``exits``: where levels of this stack are read below its top.
    ``behind``: how many tokens at the tape's end, its own next input among them, this level may not have seen when a
    production begins; a pass is that much wider.
    """

    index: int
    stage: Stage
    stack: Stack
    slot: Slot
    depth: int
    lower: int
    exits: tuple[int, ...]
    behind: int

    @property
    def intake(self) -> Intake | None:
        """What it keeps of the conversation beside the caches of models, made of states of its stack."""
        return None

    def settled(self, length: int) -> None:
        """Take note that a round has left a tape of ``length`` tokens: what is behind for certain need not be again."""
        self.stack.settled(length - self.behind, self.exits)

    @property
    def unseen(self) -> int:
        """How many of the tokens that it is behind by have not been through the layers of its stack either."""
        return self.behind

    def draft(self, board: Board, tokens: int, *, settle: bool, before: Work = nothing) -> None:
        """Draw up to ``tokens`` tokens one after another; ``settle``: nobody judges them.

        ``before``: lets the levels below propose, once this one has seen all that has settled. It draws nothing where
        they have.
        """
        for step in range(tokens):
            rests = board if step else None  # once drafting has stopped, a step costs its launches alone
            hidden = self._embedded(board, 1 if step else self.unseen, idle=step > 0)
            hidden = self._through(board, hidden, range(self.depth), 1 if step else self.behind, rests)
            logits = self.logits(hidden, rests.idle if rests else None)
            if step == 0:
                before()
            self.drawn(logits, board, step, settle=settle)

    def drawn(self, logits: Tensor, board: Board, step: int, *, settle: bool) -> None:
        """Draw the ``step``-th token of a window from the row of ``logits`` it has."""
        draw(
            logits,
            self.place,
            board,
            self.slot.laws,
            self.slot.record,
            ids=self.ids,
            entropy=self.stage.window.entropy,
            first=step == 0,
            settle=settle,
            level=self.index,
        )

    @property
    def place(self) -> Tensor:
        """The position of the token behind which the first row of its logits speaks, int32 [1]."""
        return self.slot.start

    def judge(self, board: Board, below: Slot | None, proposed: int, *, top: bool) -> None:
        """Judge up to ``proposed`` tokens of the level ``below`` in one pass; None is a lookup, which has no laws."""
        slot = self.slot
        hidden = self._entering(board, proposed + self.unseen)
        hidden = self._through(board, hidden, range(self.lower, self.depth), proposed + self.behind)
        shape_laws(self.logits(hidden), slot.start, board, slot.laws, self.ids)
        judge(
            self.index,
            board,
            slot.laws,
            slot.record,
            acceptance=self.stage.acceptance,
            guess=below.laws if below else None,
            bonus=self.stage.bonus,
            top=top,
        )

    def logits(self, hidden: Tensor, idle: Tensor | None = None) -> Tensor:
        """Return what this level says of ``hidden`` [n, width]: [n, columns], undefined while ``idle`` is not zero."""
        return self.stack.read(hidden, trimmed=self.stage.trimmed, idle=idle)

    def _through(
        self,
        board: Board,  # noqa: ARG002 - others read the tape
        hidden: Tensor,
        layers: range,
        tokens: int,  # noqa: ARG002 - others read more than they run
        rests: Board | None = None,
    ) -> Tensor:
        """Take ``hidden`` through ``layers``; return the states of the last ``tokens`` tokens that are to be read.

        With ``rests`` nothing is done while its board is idle.
        """
        return self.stack.climb(hidden, layers, self.exits, self.slot.start, rests)

    def _entering(self, board: Board, tokens: int) -> Tensor:
        """Return what the last ``tokens`` tokens bring to this level's own layers."""
        if not self.lower:
            return self._embedded(board, tokens)
        slot, ring = self.slot, self.stack.ring(self.lower)
        if not self.stage.bonus:
            return recall(ring, board, tokens, slot.start, slot.record)
        newest = self._embedded(board, 1)  # has been through no layer yet, and the law behind it is wanted too
        self.stack.climb(newest, range(self.lower), self.exits, slot.start)
        return recall(ring, board, tokens, slot.start, None)

    def _embedded(self, board: Board, tokens: int, *, idle: bool = False) -> Tensor:
        slot = self.slot
        return open_pass(board, self.stack.model.embedding, tokens, slot.start, slot.record, idle=idle)

    @property
    def ids(self) -> Tensor | None:
        """The tokens its logits speak of, int32 [m]; None for all."""
        frequent = self.stack.frequent
        return frequent.ids if self.stage.trimmed and frequent else None
