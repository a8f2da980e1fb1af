"""A drafter of blocks, DFlash or DSpark: guesses several tokens at once by what layers of the target made of a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine import config
from engine.architecture.drafters import BlockShape
from engine.architecture.stored import kept_as
from engine.architecture.weights import stored_in
from engine.config import TARGET, Stage
from engine.decoding.frequent import FrequentTokens
from engine.decoding.hierarchy import AtOnce
from engine.decoding.kernels.sources import MOST_TAPS
from engine.decoding.laws import Laws
from engine.decoding.sources.making import Home, Making, Materials, NotRecorded, Own, makes
from engine.decoding.sources.owned import own_of, shape_of
from engine.decoding.trunk import drained
from engine.model import Transformer
from engine.model.drafters.block import BlockDrafter
from engine.model.drafters.block_decode import refusal
from engine.model.drafters.block_weights import load_block
from engine.model.linear import Linear

if TYPE_CHECKING:
    from engine.decoding.graphs.level import Level
    from engine.decoding.graphs.levels import Site

UNSURE = 0.5  # on a CPU
WANTED = "drafter of blocks (DFlash or DSpark)"


class BlockReader:
    """A drafter at work on the states of a target; a block begins with the tokens that the target has not read yet.

    Directly below the target that is the newest alone, as such drafters are trained.
    """

    def __init__(
        self, drafter: BlockDrafter, source: config.Block, stage: Stage, materials: Materials, index: int
    ) -> None:
        self.drafter, self.least, self.index = drafter, least_sure(source, drafter), index
        trunk = materials.trunks[TARGET]
        self.target, self.vocabulary, self.sampler = trunk.model, materials.vocabulary, materials.sampler
        self.head, self.tokens = speaking(drafter, trunk.model, trunk.frequent if stage.trimmed else None)
        mapped, markov = drafter.weights.tokens is not None, drafter.weights.markov
        self.markov = markov.of(None if mapped else self.tokens) if markov else None
        self.taps = [trunk.tap(depth, drafter.held, drafter) for depth in drafter.shape.taps]
        self._states = torch.empty(0)  # [n, width], of the tokens behind those of the tape when the pass was made
        self._logits = torch.empty(0)  # [n, columns]
        self._length = 0  # of the tape then

    def guess(self, tape: Sequence[int]) -> int:
        """See Guesser."""
        self.take()
        shape, known = self.drafter.shape, tape[self.drafter.held :]
        hidden = self.target.embed(torch.tensor([*known, *[shape.mask] * (shape.rows - 1)], device=self.target.device))
        first = len(known) - 1 if shape.anchored else len(known)
        self._states = self.drafter.block(hidden.to(self.drafter.weights.norm.dtype))[first:]
        self._logits, self._length = self.head(self._states).float(), len(tape)
        return len(hidden)

    def law(self, tape: Sequence[int]) -> Laws | None:
        """See Guesser."""
        row = len(tape) - self._length
        if row >= len(self._states):
            return None
        if row and self.least and self.drafter.confidence(self._states[row : row + 1], tape[-1]) < self.least:
            return None
        logits = self._logits[row : row + 1]
        if self.markov is not None:
            logits = logits + self.markov.bias(tape[-1])
        logits = spread(logits, self.tokens, self.target.vocabulary)[:, : self.vocabulary]
        return Laws(self.sampler.shape(logits, tape, len(tape)), logits)

    def prefill(self, tape: Sequence[int], upto: int) -> None:  # noqa: ARG002 - the target has read it
        """Take in what the target has read."""
        self.take()

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self.drafter.rewind(length)

    def take(self) -> None:
        """Take in what the target has read since."""
        self.drafter.take(drained(self.taps, self.drafter.held))


def speaking(
    drafter: BlockDrafter, target: Transformer, frequent: FrequentTokens | None
) -> tuple[Linear, Tensor | None]:
    """Return the head that a drafter reads, and the tokens it speaks of (int64 [m]), None for all."""
    if drafter.weights.head is not None:
        return drafter.weights.head, drafter.weights.tokens
    return (target.head, None) if frequent is None else (frequent.head, frequent.tokens)


def least_sure(source: config.Block, drafter: BlockDrafter) -> float:
    """Return how sure the drafter has to be of a token to propose it, see config.Block."""
    usual = UNSURE if drafter.weights.norm.device.type == "cpu" else 0.0
    return usual if source.confidence is None else source.confidence


def spread(logits: Tensor, tokens: Tensor | None, vocabulary: int) -> Tensor:
    """Return ``logits`` [n, m] of ``tokens`` for a whole ``vocabulary``: minus infinity for all others."""
    if tokens is None:
        return logits
    return logits.new_full((len(logits), vocabulary), -torch.inf).index_copy_(1, tokens, logits)


@makes(config.Block)
class OfBlock(Making[config.Block]):
    """What makes levels of drafters of blocks."""

    def about(self, own: Own) -> str:
        """See Making."""
        return f"reads layers {', '.join(map(str, own.shape.taps))}" if isinstance(own, BlockDrafter) else ""

    def memory(self, folder: Path, home: Home) -> int:
        """See Making."""
        return shape_of(BlockShape, folder, home.target, WANTED).bytes(
            kept_as(stored_in(folder)), home.holding, home.room
        )

    def load(self, folder: Path, home: Home) -> BlockDrafter:
        """See Making."""
        target, shape = home.models[TARGET], shape_of(BlockShape, folder, home.target, WANTED)
        weights = load_block(folder, shape, stored_in(folder), target.device, home.holding)
        return BlockDrafter(shape, weights)

    def drafter(self, materials: Materials, stage: Stage, index: int) -> AtOnce:
        """See Making."""
        reader = BlockReader(own_of(BlockDrafter, materials.own, "block"), self.source, stage, materials, index)
        return AtOnce(reader, stage.window, materials.sampler)

    def taps(self, own: Own | None) -> tuple[int, ...]:
        """See Making."""
        return own.shape.taps if isinstance(own, BlockDrafter) else ()

    def recorded(self, site: Site) -> Level:
        """See Making."""
        from engine.decoding.graphs import block  # builds on this

        drafter, stack = own_of(BlockDrafter, site.ground.own, "block"), site.ground.stacks[TARGET]
        if site.index + 2 < len(site.places):
            raise NotRecorded("a drafter of blocks is recorded directly below the target alone")
        if len(drafter.shape.taps) > MOST_TAPS:
            raise NotRecorded(f"it reads {len(drafter.shape.taps)} layers, more than the {MOST_TAPS} our kernel does")
        if reason := refusal(drafter):
            raise NotRecorded(reason)
        stack.make_rings(drafter.shape.taps)
        drafter.reserve(stack.room)
        head = speaking(drafter, stack.model, stack.frequent if site.stage.trimmed else None)
        slot, least = site.ground.slots[site.index], least_sure(self.source, drafter)
        taken = site.ground.intake(drafter, lambda: block.BlockIntake(stack, drafter))
        others = site.guessed if site.guessing > 1 else 0
        return block.BlockLevel.at(site.index, site.stage, stack, slot, taken, head, least, others)
