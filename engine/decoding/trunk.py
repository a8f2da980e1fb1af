"""One model run span by span: early exits share its cache, and no layer sees a drafted token twice."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.decoding.frequent import FrequentTokens
from engine.model import Transformer


class Trunk:
    """A model cut into spans of layers, each with its own count of tokens seen (HiSpec, arXiv 2510.01336).

    A span ending at an early exit runs ahead of the spans above it. The hidden states it puts out wait in ``_waiting``
    until the next span takes them, so judging a drafted token runs only the layers it has not been through.
    Invariant: ``_seen`` never rises from one span to the next, and ``_waiting[s]`` holds the states from
    position ``_seen[s + 1]`` (for the last span: of its last pass) up to ``_seen[s]``.
    """

    def __init__(self, model: Transformer, frequent: FrequentTokens | None = None) -> None:
        self.model, self.frequent = model, frequent
        self.cache = model.new_cache()
        self.cut((model.layers,))

    def cut(self, exits: Sequence[int]) -> None:
        """Make spans that end after each of ``exits`` layers (rising, the last one the model's depth).

        Keeps what every layer has seen; raises ValueError for exits that are not rising to the model's depth.
        """
        bounds = (0, *exits)
        if any(a >= b for a, b in zip(bounds, exits, strict=False)) or bounds[-1] != self.model.layers:
            raise ValueError(f"exits {tuple(exits)} do not rise to {self.model.layers} layers")
        length = min(self.cache.lengths)
        self.cache.rewind(length)
        self.spans = tuple(range(a, b) for a, b in zip(bounds, exits, strict=False))
        self._seen = [length] * len(self.spans)
        nothing = self.model.embed(torch.empty(0, dtype=torch.int64, device=self.model.device))  # [0, width]
        self._waiting = [nothing] * len(self.spans)

    def span_to(self, depth: int) -> int:
        """Return which span ends after ``depth`` layers; raises ValueError where none does."""
        return [span.stop for span in self.spans].index(depth)

    def seen(self, span: int) -> int:
        """Return how many tokens have been through ``span``."""
        return self._seen[span]

    def hidden(self, span: int, tape: Sequence[int], start: int, stop: int) -> Tensor:
        """Return the states [stop - start, width] that ``span`` puts out for positions start..stop-1.

        Runs whatever of the lower spans and of this one those positions have not been through yet. They must not lie
        before what still waits (contract 2 of the hierarchy); raises RuntimeError if they do.
        """
        self.advance(span, tape, stop)
        base = self._seen[span] - self._waiting[span].shape[0]
        if start < base:
            raise RuntimeError(f"states of position {start} are gone; span {span} keeps them from {base}")
        return self._waiting[span][start - base : stop - base]

    def advance(self, span: int, tape: Sequence[int], upto: int) -> None:
        """Run positions up to ``upto`` through ``span`` and all below, as far as they have not been."""
        seen = self._seen[span]
        if seen >= upto:
            return
        if span == 0:
            ids = torch.tensor(tape[seen:upto], dtype=torch.int64, device=self.model.device)
            entering = self.model.embed(ids)
        else:
            entering = self.hidden(span - 1, tape, seen, upto)
        leaving = self.model.run(entering, self.spans[span], self.cache)
        last = span == len(self.spans) - 1
        self._waiting[span] = leaving if last else torch.cat([self._waiting[span], leaving])
        self._seen[span] = upto
        if span > 0:  # what this span took no longer waits below it
            rest = self._seen[span - 1] - upto
            below = self._waiting[span - 1]
            self._waiting[span - 1] = below[below.shape[0] - rest :]

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, in every span."""
        for span, seen in enumerate(self._seen):
            if seen > length:
                waiting = self._waiting[span]
                self._waiting[span] = waiting[: max(waiting.shape[0] - (seen - length), 0)]
                self._seen[span] = length
        self.cache.rewind(length)
