"""A reply run by hand, which turns from chain to chain when it is asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from engine.config import Preset, Sampling, Window
from engine.decoding.facts import Fact
from engine.decoding.relay import Relay
from engine.decoding.sources.head import Rows
from engine.decoding.tape import Tape
from engine.model.drafters.block import BlockDrafter
from engine.session import Session


def part(whole: Preset, *levels: int, guessing: int = 1, window: int | None = None) -> Preset:
    """Return the chain of these ``levels`` of ``whole`` below the target; so many of them are ``guessing``.

    ``window``: of the highest that guesses, if another than usual.
    """
    stages = [whole.stages[level] for level in (*levels, -1)]
    for at in range(1, guessing):
        stages[at] = replace(stages[at], fallback=True)
    if window is not None:
        stages[guessing - 1] = replace(stages[guessing - 1], window=Window(window, stages[guessing - 1].window.entropy))
    return replace(whole, name=f"{levels}", stages=tuple(stages))


class Run:
    """A reply of ``session`` behind ``text``, of so many ``tokens``, that may turn from one of ``chains`` to another.

    ``kept``: how many tokens of the text caches may hold from before.
    """

    def __init__(
        self,
        session: Session,
        whole: Preset,
        chains: Sequence[Preset],
        text: Sequence[int],
        tokens: int,
        sampling: Sampling,
        *,
        kept: int = 0,
    ) -> None:
        runner = self.runner = session._loaded.runner
        assert all(map(runner.ready, chains)), "or plain decoding would go on in their place"
        self.tape, self.prompt, self.rounds = Tape(text, frozenset(), len(text) + tokens), len(text), 0
        with torch.inference_mode():
            runner.rewind(kept)
            runner.begin(self.tape, sampling, *chains)
            self.relay = Relay(whole, runner.context, runner.ready, runner.chains, self.tape, chains[0])
            self.relay.prefill(self.tape, self.prompt - 1)

    @torch.inference_mode()
    def round(self) -> list[Fact]:
        """Run a round; return its facts, the target's at least."""
        self.rounds += 1
        return list(self.relay.draft(self.tape))

    @torch.inference_mode()
    def turn(self, chain: Preset) -> None:
        """Go on with ``chain``, behind the round that has begun."""
        while not self.relay.turn_to(chain, self.tape):
            self.round()

    def to_the_end(self) -> list[int]:
        """Return all that is written."""
        while not self.tape.full:
            self.round()
        return self.tape[self.prompt :]


def remembered(session: Session) -> dict[str, tuple[int, list[torch.Tensor]]]:
    """Return how many tokens the head and the drafter of blocks hold, and the keys and values of these."""
    rows, block = session._loaded.own["head"], session._loaded.own["block"]
    assert isinstance(rows, Rows)
    assert isinstance(block, BlockDrafter)
    pasts = {"head": (rows.held, [rows.past]), "block": (block.held, block.cache.layers)}
    return {
        role: (held, [each[:, :held].float().clone() for past in layers for each in past.held])
        for role, (held, layers) in pasts.items()
    }
