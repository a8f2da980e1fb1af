"""Who guesses where nothing can be copied: drafters that take turns at the bottom of a chain."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from torch import Tensor

from engine.decoding.facts import Fact, Judged
from engine.decoding.goodput import Goodput, Turns
from engine.decoding.hierarchy import Drafter
from engine.decoding.tape import Tape


class Fallback(Drafter):
    """A drafter that guesses where the one below has nothing to propose; otherwise that one's tokens go up.

    Which of the two proposes hangs on the tape alone, and a proposal never changes what a judge writes: the reply is
    the same. One that has not guessed for some rounds catches up when it does.
    """

    below: Drafter

    def __init__(self, drafter: Drafter, below: Drafter, goodput: Goodput | None = None) -> None:
        """``goodput``: what tells a lookup below how many tokens pay."""
        self.drafter, self.below, self._goodput = drafter, below, goodput
        self._guessed = drafter  # who proposed last
        self._began = 0.0

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        """Append what it guesses, unless something was proposed from ``mark`` on."""
        self._guessed = self.below if len(tape) > mark else self.drafter
        self._began = time.perf_counter()
        if self._guessed is self.drafter and not tape.full:
            self.drafter.remembers = self.remembers
            yield from self.drafter.settle(tape, mark)

    def judged(self, fact: Judged) -> None:
        """Let both learn from the verdict: the one below, too, where the other guessed."""
        self.below.judged(fact)
        if self._guessed is self.drafter:
            self.drafter.judged(fact)
            if isinstance(self._goodput, Turns):
                tokens = fact.kept + (fact.following is not None)
                self._goodput.other(tokens, time.perf_counter() - self._began)

    def logits(self, mark: int, tokens: int) -> Tensor | None:
        """Return the plain logits of who proposed, if it has any."""
        return self._guessed.logits(mark, tokens)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, here and below."""
        self.drafter.rewind(length)
        self.below.rewind(length)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of both to ``upto`` tokens."""
        self.below.prefill(tape, upto)
        self.drafter.prefill(tape, upto)
