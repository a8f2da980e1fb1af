"""An EAGLE-3 head at the bottom of a chain: it reads what several layers of the target made of every token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine import config
from engine.account import WIDE_ROWS
from engine.architecture.drafters import HeadShape
from engine.architecture.stored import kept_as
from engine.architecture.weights import stored_in
from engine.config import PRESETS, TARGET, Preset, Role, Stage
from engine.decoding.laws import Laws
from engine.decoding.sources.making import Folders, Home, Making, Materials, Models, NotRecorded, Own, frugal, makes
from engine.decoding.sources.owned import own_of, shape_of
from engine.model.drafters.head import Head, load_head
from engine.model.past import Past

if TYPE_CHECKING:  # both build on this
    from engine.decoding.graphs.level import Level
    from engine.decoding.graphs.levels import Site

WANTED = "EAGLE-3 head"


class Rows:
    """The rows a head has made of a conversation: row i of token i's features and of token i + 1.

    ``held`` of them have seen the target's features. Others behind them only guess ahead, and go before more is held.
    ``last``: what the last row of all handed on, and its logits; None where that row is gone.
    """

    def __init__(self, head: Head, past: Past) -> None:
        self.head, self.past = head, past
        self.held = 0
        self.last: tuple[Tensor, Tensor] | None = None
        self._settled: tuple[Tensor, Tensor] | None = None  # as `last`, of those that are held

    def take(self, states: Sequence[Tensor], following: Sequence[int]) -> None:
        """Hold rows of the features in ``states`` (of each tap [n, width]) and the n tokens ``following`` them."""
        self.past.length = self.held
        ops = self.head.operations(self.past, len(following))
        self.last = self._settled = self._run(self.head.features(states, ops), following)
        self.held = self.past.length

    def guess(self, token: int) -> None:
        """Make a row behind the last one, which hands on what stands for features, and ``token``."""
        assert self.last is not None  # noqa: S101 - there is a row before it
        self.last = self._run(self.last[0], [token])

    def settle(self, held: int) -> None:
        """Take note that recorded passes have made ``held`` rows at least."""
        self.held, self.last, self._settled = held, None, None

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, and what only guessed.

        A row ends with a token, so there is one less of them. Where a held row goes, the one before is made again: what
        it handed on is not kept.
        """
        if self.held > max(length - 1, 0):
            self.held, self._settled = max(length - 2, 0), None
        self.past.length = self.held
        self.last = self._settled

    def _run(self, given: Tensor, following: Sequence[int]) -> tuple[Tensor, Tensor]:
        return self.head.rows(given, torch.tensor(following, device=self.head.device), self.past)


class HeadReader:
    """A head at work on the states of the model it was made for."""

    def __init__(self, rows: Rows, materials: Materials, index: int, of: Role = TARGET) -> None:
        """``of``: the role of the model that it reads."""
        self.rows, self.index = rows, index
        self.vocabulary, self.sampler = materials.vocabulary, materials.sampler
        self.tokens, self.columns = rows.head.spoken(materials.vocabulary)
        self.silent = torch.full((1, materials.vocabulary), -torch.inf, device=rows.head.device)
        trunk = materials.trunks[of]
        self.cut = (
            1 if of == TARGET else WIDE_ROWS
        )  # tokens at most that levels above take back once its model kept them
        self.taps = [trunk.tap(depth, rows.held, rows) for depth in rows.head.shape.taps]

    def laws(self, tape: Sequence[int], mark: int, rows: int) -> Laws:
        """Return the law after tape[:mark]; it only drafts, so there is one."""
        if rows != 1:
            raise ValueError(f"a head drafts one token at a time, not {rows}")
        before = self.rows.past.length
        self._take(tape, mark - 1)
        while self.rows.past.length < mark - 1:
            self.rows.guess(tape[self.rows.past.length + 1])
        return Laws(*self._law(tape, mark), self.rows.past.length - min(before, self.rows.held))

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Take in what the target, which holds ``upto`` tokens of the tape, has left in its taps."""
        self._take(tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self.rows.rewind(length)

    def _take(self, tape: Sequence[int], upto: int) -> None:
        """Hold rows of all features there are before position ``upto``; what was guessed in their place is dropped."""
        start, stop = self.rows.held, min(upto, *(tap.stop for tap in self.taps))
        if stop > start:
            self.rows.take([tap.states(start, stop) for tap in self.taps], tape[start + 1 : stop + 1])
            for tap in self.taps:
                tap.release(stop - self.cut)  # the last row is made again where the tape is cut

    def _law(self, tape: Sequence[int], mark: int) -> tuple[Tensor, Tensor]:
        """Return probabilities and logits, float32 [1, vocabulary] both: 0 and minus infinity where it is silent.

        Settings are applied to the tokens it speaks of alone, which are few.
        """
        last = self.rows.last
        logits = self.silent.new_zeros(1, self.vocabulary) if last is None else last[1]  # of a tape of one token: none
        if last is None or self.tokens is None:
            logits = logits[:, : self.vocabulary]
            return self.sampler.shape(logits, tape, mark), logits
        few = logits if self.columns is None else logits[:, self.columns]
        probs = self.sampler.shape(few, tape, mark, self.tokens)
        return torch.zeros_like(self.silent).index_copy_(1, self.tokens, probs), self.silent.index_copy(
            1, self.tokens, few
        )


@makes(config.Head)
class OfHead(Making[config.Head]):
    """What makes levels of a head."""

    wide = 8

    @classmethod
    def fitted(cls, preset: Preset, models: Models, _folders: Folders) -> Preset:
        """See Making."""
        return frugal(preset, PRESETS["head"].stages[0], models)

    def about(self, own: Own) -> str:
        """See Making."""
        return f"reads layers {', '.join(map(str, self.taps(own)))}"

    def memory(self, folder: Path, home: Home) -> int:
        """See Making."""
        shape = shape_of(HeadShape, folder, home.models[self.source.of].architecture, WANTED)
        return shape.bytes(kept_as(stored_in(folder)), home.holding, home.room)

    def load(self, folder: Path, home: Home) -> Rows:
        """See Making."""
        model = home.models[self.source.of]
        head = load_head(folder, shape_of(HeadShape, folder, model.architecture, WANTED), model, home.holding)
        return Rows(head, head.new_past(model.context, home.room))

    def taps(self, own: Own | None) -> tuple[int, ...]:
        """See Making."""
        return own.head.shape.taps if isinstance(own, Rows) else ()

    def recorded(self, site: Site) -> Level:
        """See Making."""
        from engine.decoding.graphs.heading import heading  # which builds on this room

        return heading(site, own_of(Rows, site.ground.own, "head"))

    def reader(self, materials: Materials, stage: Stage, index: int) -> HeadReader:  # noqa: ARG002 - its window counts
        """See Making."""
        return HeadReader(own_of(Rows, materials.own, self.source.own), materials, index, self.source.of)


@makes(config.InnerHead)
class OfInnerHead(OfHead):
    """What makes levels of the head of a smaller model, which is recorded as a head where that model is on top."""

    def about(self, own: Own) -> str:
        """See Making."""
        return f"{OfHead.about(self, own)} of the {self.source.of} model"

    def recorded(self, site: Site) -> Level:  # noqa: ARG002 - none is
        """See Making."""
        raise NotRecorded("a head of a smaller model is recorded below a target over the bus alone")
