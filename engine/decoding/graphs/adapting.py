"""An early exit with an adapter on the device: the target's first layers, then a layer over a cache of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.config import TARGET
from engine.decoding.graphs.intake import Intake
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.levels import Site
from engine.decoding.graphs.stack import Stack
from engine.decoding.kernels import Board, open_rows, recall
from engine.decoding.sources.adapted import Adapter
from engine.decoding.sources.making import NotRecorded, Place
from engine.model.decode import TOKENS, decode, logits, refusal


class AdapterIntake(Intake):
    """Makes an adapter's keys and values of what the target's first layers made of all tokens that stand."""

    def __init__(self, stack: Stack, adapter: Adapter) -> None:
        super().__init__(stack, adapter, (adapter.depth,))
        self.adapter = adapter

    def read(self, states: Sequence[Tensor], following: Sequence[int]) -> None:  # noqa: ARG002 - heads read them
        """See Intake."""
        (own,) = states
        self.adapter.take(own)

    def work(self, board: Board, rings: Sequence[Tensor]) -> None:
        """See Intake."""
        no_embeddings = rings[0][:1]  # are needed
        _, states = open_rows(board, no_embeddings, rings, TOKENS, self.starts, None, placed=True)
        decode(self.adapter.model, states, range(1), self.adapter.cache, self.starts[:1])


@dataclass(frozen=True, slots=True, eq=False)
class AdaptedLevel(Level):
    """An exit of its ``stack``, the target's, read through an ``adapter``.

    Levels above bring the target's first layers up to date, and the ring behind these, but not the adapter: it is
    ``behind`` by a token of each of them. ``ahead`` is how many the target's layers may not have seen. ``taken`` keeps
    the adapter up to date while it is away.
    """

    adapter: Adapter
    taken: Intake
    ahead: int

    @property
    def intake(self) -> Intake:
        """See Level."""
        return self.taken

    @property
    def unseen(self) -> int:
        """See Level."""
        return self.ahead

    def settled(self, length: int) -> None:
        """See Level; what the target holds its own level tells."""
        self.adapter.settle(max(length - self.behind, 0))

    def _through(self, board: Board, hidden: Tensor, layers: range, tokens: int, rests: Board | None = None) -> Tensor:
        """See Level: what the target's layers made of tokens before these lies in the ring."""
        start = self.slot.start
        hidden = self.stack.climb(hidden, layers, self.exits, start, rests)
        if tokens > len(hidden):
            hidden = recall(self.stack.ring(self.depth), board, tokens, start, None)
        return decode(self.adapter.model, hidden, range(1), self.adapter.cache, start, rests.idle if rests else None)

    def logits(self, hidden: Tensor, idle: Tensor | None = None) -> Tensor:
        """Return what its norm and the target's head say of ``hidden``, see Level."""
        return logits(self.adapter.model, hidden, self.stack.head(trimmed=self.stage.trimmed), idle)


def adapted(site: Site, adapter: Adapter) -> AdaptedLevel:
    """Return the level of an exit behind ``adapter``; raises NotRecorded where its passes cannot be recorded."""
    if reason := refusal(adapter.model):
        raise NotRecorded(reason)
    read = site.reading(Place(TARGET, adapter.depth))
    above = len(site.stages) - 1 - site.index
    taking_turns = site.index < site.guessing > 1
    tokens = site.guessed if taking_turns else 1  # of what was proposed the last one is new to who proposed it
    return AdaptedLevel(
        index=read.index,
        stage=read.stage,
        stack=read.stack,
        slot=read.slot,
        depth=read.depth,
        lower=read.lower,
        exits=read.exits,
        behind=min(tokens + above, TOKENS),
        adapter=adapter,
        taken=site.ground.intake(adapter, lambda: AdapterIntake(read.stack, adapter)),
        ahead=read.behind,
    )
