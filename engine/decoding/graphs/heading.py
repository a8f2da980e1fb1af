"""An EAGLE-3 head on the device: what the target's judgement left in rings, then guess upon guess, in one recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.config import TARGET
from engine.decoding.graphs.level import Level, Work, nothing
from engine.decoding.graphs.levels import Site
from engine.decoding.kernels import Board, draw, open_rows
from engine.decoding.sources.head import Rows
from engine.decoding.sources.making import NotRecorded
from engine.decoding.trunk import Tap
from engine.model.decode import TOKENS, spoken
from engine.model.linear import Linear


@dataclass(frozen=True, slots=True, eq=False)
class HeadLevel(Level):
    """A head that reads its ``stack``, the target's, of which it runs nothing.

    ``rows``: what it has made of the conversation. ``starts``: int32 [2], the first row of a pass and the position of
    its token. ``head``: what it is read by, of the ``ids`` (int32 [m]) it speaks of, None for all.
    """

    rows: Rows
    starts: Tensor
    head: Linear
    ids: Tensor | None
    taps: list[Tap] = field(default_factory=list)

    @property
    def own(self) -> Rows:
        """See Level."""
        return self.rows

    def open(self) -> None:
        """See Level."""
        self.taps[:] = [self.stack.tap(depth, self.rows.held, self.rows) for depth in self.rows.head.shape.taps]

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """See Level."""
        start, stop = self.rows.held, min(upto, *(tap.stop for tap in self.taps))
        if stop > start:
            self.rows.take([tap.states(start, stop) for tap in self.taps], tape[start + 1 : stop + 1])
        for tap in self.taps:
            tap.release(stop)

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
                given = head.features(states.unbind(), ops) if head.apart else head.joined(states, ops)
            given, normed = head.step(given[-count:], embedding, ops, past)
            logits = self.logits(normed, rests)
            if step == 0:
                before()
            draw(
                logits,
                self.starts[1:],
                board,
                self.slot.laws,
                self.slot.record,
                ids=self.ids,
                entropy=self.stage.window.entropy,
                first=step == 0,
                settle=settle,
                level=self.index,
            )

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
        starts=torch.zeros(2, dtype=torch.int32, device=head.device),
        head=linear,
        ids=None if tokens is None else tokens.int(),
    )
