"""An EAGLE-3 head on the device: what the target's judgement left in rings, then guess upon guess, in one recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.config import TARGET
from engine.decoding.graphs.intake import Intake
from engine.decoding.graphs.level import Level, Work, nothing
from engine.decoding.graphs.levels import Site
from engine.decoding.graphs.stack import Stack
from engine.decoding.kernels import Board, open_rows
from engine.decoding.sources.head import Rows
from engine.decoding.sources.making import NotRecorded
from engine.model.decode import TOKENS, spoken
from engine.model.linear import Linear


class HeadIntake(Intake):
    """Makes rows of the features of all tokens that stand, as far as later ones look back on them."""

    def __init__(self, stack: Stack, rows: Rows) -> None:
        super().__init__(stack, rows, rows.head.shape.taps)
        self.rows = rows

    def read(self, states: Sequence[Tensor], following: Sequence[int]) -> None:
        """See Intake."""
        head, past = self.rows.head, self.rows.past
        past.length = self.rows.held
        ops = head.operations(past, len(following))
        embedding = head.embed(torch.tensor(following, device=head.device))
        head.note(head.features(states, ops), embedding, ops, past)

    def work(self, board: Board, rings: Sequence[Tensor]) -> None:
        """See Intake."""
        head, past = self.rows.head, self.rows.past
        embedding, states = open_rows(
            board, head.embedding, rings, TOKENS, self.starts, None, apart=head.apart, placed=True
        )
        ops = head.placed(past, self.starts[:1], TOKENS, None)
        head.note(head.given(states, ops), embedding, ops, past)


@dataclass(frozen=True, slots=True, eq=False)
class HeadLevel(Level):
    """A head that reads its ``stack``, the target's, of which it runs nothing.

    ``rows``: what it has made of the conversation, as ``taken`` keeps it. ``starts``: int32 [2], the first row of a
    pass and the position of its token. ``head``: what it is read by, of the ``tokens`` (int32 [m]) it speaks of, None
    for all.
    """

    rows: Rows
    taken: Intake
    starts: Tensor
    head: Linear
    tokens: Tensor | None

    @property
    def intake(self) -> Intake:
        """See Level."""
        return self.taken

    def settled(self, length: int) -> None:
        """See Level: the next pass makes rows again from here on, and by then the target has judged their tokens."""
        self.rows.settle(max(length - 1 - self.behind, 0))

    def draft(self, board: Board, tokens: int, *, settle: bool, before: Work = nothing) -> None:
        """Make rows of all that the target has judged since, then guess up to ``tokens`` tokens one after another."""
        head, past = self.rows.head, self.rows.past
        given = None
        for step in range(tokens):
            rests = board.idle if step else None  # once drafting has stopped, a step costs its launches alone
            if rests is not None and not rests.is_cuda and rests:
                return  # and would make a row of another place again where kernels do not rest
            count, rings = (1, []) if step else (self.behind, [self.stack.ring(depth) for depth in head.shape.taps])
            pass_of = board, head.embedding, rings, count, self.starts, self.slot.record
            embedding, states = open_rows(*pass_of, apart=head.apart, idle=step > 0)
            ops = head.placed(past, self.starts[:1], count, rests)
            if given is None:
                given = head.given(states, ops)
            given, normed = head.step(given[-count:], embedding, ops, past)
            logits = self.logits(normed, rests)
            if step == 0:
                before()
            self.drawn(logits, board, step, settle=settle)

    @property
    def place(self) -> Tensor:
        """See Level."""
        return self.starts[1:]

    @property
    def ids(self) -> Tensor | None:
        """See Level."""
        return self.tokens

    def logits(self, hidden: Tensor, idle: Tensor | None = None) -> Tensor:
        """Return what it says of normed states [n, width]: [n, m], undefined while ``idle`` is not zero."""
        return self.head(hidden).float() if hidden.device.type == "cpu" else spoken(self.head, hidden, idle)


def heading(site: Site, rows: Rows) -> HeadLevel:
    """Return the level of a head; raises NotRecorded where its passes cannot be recorded.

    Every pass of the target has to lie between two drafts: features of what only a level in the middle has judged are
    not there.
    """
    stack, head = site.ground.stacks[TARGET], rows.head
    above = len(site.stages) - site.guessing
    if site.index >= site.guessing or not above:
        raise NotRecorded("a head is recorded at the bottom of a chain")
    if any(stage.window.tokens > 1 for stage in site.stages[site.guessing : -1]):
        raise NotRecorded("a head below a level that judges several times a round is not recorded")
    if head.refusal:
        raise NotRecorded(head.refusal)
    stack.make_rings(head.shape.taps)
    linear, tokens = head.within(site.ground.slots.vocabulary)
    return HeadLevel(
        index=site.index,
        stage=site.stage,
        stack=stack,
        slot=site.ground.slots[site.index],
        depth=0,
        lower=0,
        exits=(),
        behind=min(site.guessed + above, TOKENS),  # each level above adds a token of its own
        rows=rows,
        taken=site.ground.intake(rows, lambda: HeadIntake(stack, rows)),
        starts=torch.zeros(2, dtype=torch.int32, device=head.device),
        head=linear,
        tokens=None if tokens is None else tokens.int(),
    )
