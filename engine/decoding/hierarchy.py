"""Hierarchical speculative decoding: the recursion every preset is an instance of.

A hierarchy is a chain of levels, each with the one *below* it: the target on top, a drafter at the bottom. A level
reads a model at some depth and has a choice of its own for every position, drawn with the noise that all levels share.
The bottom level writes its choices on the tape; each level above keeps those that are its own choices as well, and
writes its own behind them. What it lets stand is therefore what it would have written by itself, token for token:

    Verifier(target, below=Verifier(middle, below=Autoregressive(small)))

The contract that makes this exact:

1. A choice depends on the tokens before its position, the level's law behind them and the reply's key; on nothing else.
2. The last settled token is never yet in a cache; it is the first input of the next pass.
3. A proposed token stands only if it is the judge's choice. Greedy decoding is a one-hot law, not another branch.

So windows may end anywhere, for any reason. Levels are generators: they yield what happened (Drafted, Judged) as it
happens and can be dropped at any yield. Judges by a lossy rule (acceptance) keep more than their own choices, and
tell what those would have been.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from engine.config import Acceptance, Window
from engine.decoding.acceptance import agreeing, measured, tolerated
from engine.decoding.facts import Drafted, Fact, Judged
from engine.decoding.laws import Laws, Sampler
from engine.decoding.policies import stops
from engine.decoding.readers import Guesser, Held, Reader
from engine.decoding.tape import Tape

Drafting = Generator[Fact, None, None]


class Level(ABC):
    """A level at work on a tape: what ``produce`` asks of it, however its passes are run."""

    below: Level | None = None

    def begin(self, tape: Tape, mark: int) -> None:  # noqa: B027 - only recorded passes have a beginning
        """Start on the tokens from ``mark`` on, which the level below has proposed."""

    @abstractmethod
    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        """Make the tape from ``mark`` on this level's own: some of what was proposed, and its choice behind it."""

    def unfilled(self, stands: int) -> bool:  # noqa: ARG002 - a bottom level fills its window in one turn
        """Tell whether a production of which ``stands`` tokens stand takes another turn."""
        return False


def produce(level: Level, tape: Tape) -> Drafting:
    """Append what ``level`` writes by itself until its window is full; may overshoot by what stood together."""
    start = len(tape)
    while True:
        mark = len(tape)
        if level.below is not None:
            yield from produce(level.below, tape)
        level.begin(tape, mark)
        yield from level.settle(tape, mark)
        if tape.full or not level.unfilled(len(tape) - start):
            return


R_co = TypeVar("R_co", bound=Held, covariant=True)


class Drafter(Level):
    """A level whose passes are called one by one, with all below it; the one on top is a whole hierarchy."""

    below: Drafter | None = None
    remembers = False  # whether the judge above asks for logits

    def draft(self, tape: Tape) -> Drafting:
        """Extend the tape by one production; see produce."""
        return produce(self, tape)

    def judged(self, fact: Judged) -> None:
        """Learn from the verdict on what was produced last."""

    def logits(self, mark: int, tokens: int) -> Tensor | None:  # noqa: ARG002 - where no model speaks
        """Return this level's plain logits [tokens, vocabulary] at positions from ``mark`` on, if it has any."""
        return None

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of this level and all below to ``upto`` tokens."""

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, here and below."""


class _Reading(Drafter, Generic[R_co]):
    """A level that reads a model."""

    def __init__(self, reader: R_co, window: Window, sampler: Sampler) -> None:
        self.reader, self.window, self.sampler = reader, window, sampler
        self._logits: dict[int, Tensor] = {}  # by position, [vocabulary]

    def judged(self, fact: Judged) -> None:  # noqa: ARG002 - what was judged is asked for no more
        """Let go of the logits."""
        self._logits.clear()

    def logits(self, mark: int, tokens: int) -> Tensor | None:
        """Return the plain logits at ``tokens`` positions from ``mark`` on, which stand and were not judged yet."""
        return torch.stack([self._logits[mark + i] for i in range(tokens)])

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of this level and all below to ``upto`` tokens."""
        self.reader.prefill(tape, upto)
        if self.below is not None:
            self.below.prefill(tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, here and below."""
        self.reader.rewind(length)
        if self.below is not None:
            self.below.rewind(length)

    def _remember(self, laws: Laws, mark: int) -> None:
        if self.remembers and laws.logits is not None:
            self._logits.update(enumerate(laws.logits, start=mark))


class Autoregressive(_Reading[Reader]):
    """The bottom of a chain: writes its own choices one by one, at most ``window.tokens`` of them."""

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        """Append tokens until the window closes or the tape is full."""
        rules = stops(self.window)
        while True:
            began, at = time.perf_counter(), len(tape)
            law = self.reader.laws(tape, at, 1)
            tape += self.sampler.choose(law.probs, at)
            self._remember(law, at)
            given = _given(law, [0], tape[at:])
            seconds = time.perf_counter() - began
            yield Drafted(self.reader.index, (tape[at],), *given, law.positions, began, seconds)
            full = len(tape) - mark >= self.window.tokens or tape.full
            if full or any(rule.after(law, tape[at]) for rule in rules):
                return


class AtOnce(_Reading[Guesser]):
    """The bottom of a chain that guesses a window in one pass; its choices are told together."""

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        """Append tokens until the window closes, the tape is full, or no law comes any more."""
        began, positions = time.perf_counter(), self.reader.guess(tape)
        probabilities, ranks = list[float](), list[int]()
        rules = stops(self.window)
        while len(tape) - mark < self.window.tokens and not tape.full:
            at, law = len(tape), self.reader.law(tape)
            if law is None:
                break
            tape += self.sampler.choose(law.probs, at)
            self._remember(law, at)
            probability, rank = _given(law, [0], tape[at:])
            probabilities += probability
            ranks += rank
            if any(rule.after(law, tape[at]) for rule in rules):
                break
        if ranks:
            tokens, given, seconds = (
                tuple(tape[mark:]),
                (tuple(probabilities), tuple(ranks)),
                time.perf_counter() - began,
            )
            yield Drafted(self.reader.index, tokens, *given, positions, began, seconds)


class Verifier(_Reading[Reader]):
    """A level over another: keeps of its windows what it would write itself, until ``window.tokens`` tokens stand.

    ``acceptance``: by which rule, LOSSY unless it is exact. ``bonus``: whether a choice follows a window that
    stands whole.
    """

    below: Drafter

    def __init__(
        self,
        reader: Reader,
        below: Drafter,
        window: Window,
        sampler: Sampler,
        *,
        acceptance: Acceptance = Acceptance(),  # noqa: B008 - frozen
        bonus: bool = True,
    ) -> None:
        super().__init__(reader, window, sampler)
        self.below, self.acceptance, self.bonus = below, acceptance, bonus
        below.remembers = acceptance.compares

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        """Judge what was proposed from ``mark`` on, in one pass, and put the verdict on the tape."""
        began, proposed = time.perf_counter(), tape[mark:]
        further = not proposed or (self.bonus and not tape.full)
        laws = self.reader.laws(tape, mark, len(proposed) + further)
        choices = self.sampler.choose(laws.probs, mark)
        far = self._far(proposed, laws, mark)
        kept = agreeing(proposed, choices) if far is None else tolerated(proposed, choices, far, self.acceptance.tau)
        following = choices[kept] if kept < len(choices) else None
        del tape[mark + kept :]
        self.rewind(len(tape))
        if following is not None:
            tape.append(following)
        self._remember(laws, mark)
        own = [] if far is None else choices[:kept]
        fact = self._told(proposed, kept, following, laws, own, began)
        self.below.judged(fact)
        yield fact

    def unfilled(self, stands: int) -> bool:
        """Tell whether more is to be judged before anything is handed up."""
        return stands < self.window.tokens

    def _far(self, proposed: Sequence[int], laws: Laws, mark: int) -> list[float] | None:
        """Return how far the ``proposed`` tokens are from what this level would do; None where that is not asked."""
        rule, n = self.acceptance.rule, len(proposed)
        if rule == "exact" or not n or laws.logits is None:
            return None
        others = self.below.logits(mark, n) if self.acceptance.compares else laws.logits
        return None if others is None else measured(rule, laws.logits[:n], others, proposed)

    def _told(
        self, proposed: list[int], kept: int, following: int | None, laws: Laws, own: list[int], began: float
    ) -> Judged:
        rows, tokens = list(range(len(proposed))), list(proposed)
        if following is not None:
            rows.append(kept)
            tokens.append(following)
        given = _given(laws, rows, tokens)
        lags = _lags(laws, proposed, own)
        took = began, time.perf_counter() - began
        return Judged(
            self.reader.index, len(proposed), kept, following, *given, laws.positions, *took, tuple(own), lags
        )


def _given(laws: Laws, rows: list[int], tokens: list[int]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the probability and the rank of each of ``tokens`` in its row; equals share the better rank."""
    whole = laws.probs if laws.logits is None else laws.logits  # [n, vocabulary]
    if whole.is_cuda:  # fetching it would take longer
        above = (whole[rows] > whole[rows, tokens][:, None]).sum(dim=1) + 1
        return tuple(laws.probs[rows, tokens].tolist()), tuple(above.tolist())
    scores = whole.numpy(force=True)
    ranks = (1 + np.count_nonzero(scores[row] > scores[row, token]) for row, token in zip(rows, tokens, strict=True))
    return tuple(laws.probs[rows, tokens].tolist()), tuple(map(int, ranks))


def _lags(laws: Laws, tokens: list[int], own: list[int]) -> tuple[float, ...]:
    """Return by how many nats the plain logits favour each of ``own`` over what was kept in its place."""
    if not own or laws.logits is None:
        return ()
    rows = range(len(own))
    return tuple((laws.logits[rows, own] - laws.logits[rows, tokens[: len(own)]]).tolist())
