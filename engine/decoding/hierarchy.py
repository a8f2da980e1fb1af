"""Hierarchical speculative decoding: the recursion every preset is an instance of.

A *level* gives the laws it would draw from after each of some proposed tokens. A *drafter* appends tokens to the tape
and returns the laws they were drawn from. A Verifier holds a level and the drafter below it and is itself a drafter,
because what it lets stand is distributed exactly as its own level would have written it:

    Verifier(target, below=Verifier(middle, below=Autoregressive(small)))

The contract that makes this exact:

1. The returned laws are the drafter's *own* level's, also for tokens that came from further below.
2. The last settled token is never yet in a cache; it is the first input of the next pass.
3. What ends a window may look at laws and at tokens that are kept, never at a token it would discard.
4. Acceptance arithmetic is float32. Greedy decoding is a one-hot law, not another branch.

Drafters are generators: they yield what happened (Drafted, Judged) as it happens and can be dropped at any yield.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from engine.config import Window
from engine.decoding.acceptance import Rule
from engine.decoding.laws import Laws, Sampler
from engine.decoding.tape import Tape


@dataclass(frozen=True, slots=True)
class Drafted:
    """A bottom level proposed ``tokens`` in one pass, giving each the probability and the rank beside it.

    A rank is the token's place by the level's plain logits, 1 the likeliest. Seconds are wall clock.
    """

    level: int
    tokens: tuple[int, ...]
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    positions: int
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A level judged the last ``proposed`` standing tokens: ``kept`` stand, and its own token ``following`` comes next.

    ``probabilities`` and ``ranks``: what the level gave each proposed token, then ``following`` if it is not None.
    """

    level: int
    proposed: int
    kept: int
    following: int | None
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    positions: int
    began: float
    seconds: float


Fact = Drafted | Judged
Drafting = Generator[Fact, None, Laws]


class Level(Protocol):
    """Something that can judge: an exit of a model, a whole model, or a table in a test."""

    index: int

    def laws(self, tape: Sequence[int], mark: int, rows: int) -> Laws:
        """Return the laws after tape[:mark], tape[:mark + 1], ... (``rows`` of them) in one pass."""

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches to ``upto`` tokens of the tape."""

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""


class Drafter(Protocol):
    """Something that proposes: it appends to the tape and returns the laws its tokens were drawn from."""

    def draft(self, tape: Tape) -> Drafting: ...

    def judged(self, fact: Judged) -> None:
        """Learn from the verdict on what was drafted last."""

    def prefill(self, tape: Sequence[int], upto: int) -> None: ...

    def rewind(self, length: int) -> None: ...


class Autoregressive:
    """The bottom of a chain: draws its tokens one by one, at most ``window.tokens`` of them."""

    def __init__(self, level: Level, window: Window, sampler: Sampler) -> None:
        self.level, self.window, self.sampler = level, window, sampler

    def draft(self, tape: Tape) -> Drafting:
        """Append tokens drawn from the level's law, until the window closes or the tape is full."""
        drawn: list[Laws] = []
        while True:
            began = time.perf_counter()
            law = self.level.laws(tape, len(tape), 1)
            token = self.sampler.draw(law.probs[0])
            tape.append(token)
            drawn.append(law)
            given = _given(law, [0], [token])
            yield Drafted(self.level.index, (token,), *given, law.positions, began, time.perf_counter() - began)
            if len(drawn) >= self.window.tokens or tape.full or _unsure(law, self.window):
                return Laws.join(drawn)

    def judged(self, fact: Judged) -> None:
        """Do nothing: the window is as asked."""

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the level's caches to ``upto`` tokens."""
        self.level.prefill(tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self.level.rewind(length)


class Verifier:
    """A level over a drafter: judges its windows until at least ``window.tokens`` tokens of its own law stand."""

    def __init__(
        self,
        level: Level,
        below: Drafter,
        accept: Rule,
        window: Window,
        sampler: Sampler,
        *,
        bonus: bool = True,
    ) -> None:
        self.level, self.below, self.accept = level, below, accept
        self.window, self.sampler, self.bonus = window, sampler, bonus

    def draft(self, tape: Tape) -> Drafting:
        """Append tokens distributed as this level draws them; may overshoot the window by what stood together."""
        start, settled = len(tape), list[Laws]()
        while True:
            mark = len(tape)
            guess = yield from self.below.draft(tape)
            began = time.perf_counter()
            proposed = tape[mark:]
            further = not proposed or (self.bonus and not tape.full)
            own = self.level.laws(tape, mark, len(proposed) + further)
            kept, following = self.accept(proposed, guess, own, self.sampler)
            del tape[mark + kept :]
            self.rewind(len(tape))
            if following is not None:
                tape.append(following)
            settled.append(own.first(len(tape) - mark))
            fact = self._judged(proposed, kept, following, own, began)
            self.below.judged(fact)
            yield fact
            if len(tape) - start >= self.window.tokens or tape.full:
                return Laws.join(settled)

    def judged(self, fact: Judged) -> None:
        """Do nothing: the window is as asked."""

    def _judged(self, proposed: list[int], kept: int, following: int | None, own: Laws, began: float) -> Judged:
        rows, tokens = list(range(len(proposed))), list(proposed)
        if following is not None:
            rows.append(kept)
            tokens.append(following)
        given = _given(own, rows, tokens)
        seconds = time.perf_counter() - began
        return Judged(self.level.index, len(proposed), kept, following, *given, own.positions, began, seconds)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of this level and all below to ``upto`` tokens."""
        self.level.prefill(tape, upto)
        self.below.prefill(tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, here and below."""
        self.level.rewind(length)
        self.below.rewind(length)


def _given(laws: Laws, rows: list[int], tokens: list[int]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the probability and the rank of each of ``tokens`` in its row; equals share the better rank."""
    scores = (laws.probs if laws.logits is None else laws.logits)[rows]  # [n, vocabulary]
    own = scores.gather(1, torch.tensor(tokens, device=scores.device)[:, None])  # [n, 1]
    ranks = 1 + (scores > own).count_nonzero(dim=1)
    return tuple(laws.probs[rows, tokens].tolist()), tuple(ranks.tolist())


def _unsure(law: Laws, window: Window) -> bool:
    """Tell whether the law just drawn from was too even to go on; the token drawn is kept (SVIP, arXiv 2411.18462)."""
    if window.entropy is None:
        return False
    p = law.probs[0]
    return float(-(p * p.clamp(min=1e-38).log()).sum()) > window.entropy
