"""One model run span by span: early exits share its cache, and no layer sees a drafted token twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor

from engine.decoding.frequent import FrequentTokens
from engine.model import Cache, Transformer
from engine.model.decode import boundaries
from engine.model.wide import Wide

LEAST = 16  # positions that a tap has room for at once


class Tap:
    """The states that leave the first ``depth`` layers, position by position, until the reader lets go of them.

    They are the residual stream as layer ``depth`` takes it in, before any norm: "the input of layer k" of published
    drafters. Positions from ``start`` up to ``stop`` are there.
    """

    def __init__(self, depth: int, start: int, nothing: Tensor, reader: object = None) -> None:
        """``start``: the first position to come; ``nothing``: states of no position, [0, width]; ``reader``: whose."""
        self.depth, self.start, self.stop, self.reader = depth, start, start, reader
        self._rows, self._first = nothing, start  # from that position on, with room behind the last

    def states(self, start: int, stop: int) -> Tensor:
        """Return the states [stop - start, width] of positions start..stop-1; RuntimeError if they are gone.

        They are those kept here: what is kept later, in place of some that went, takes their place.
        """
        if start < self.start:
            raise RuntimeError(f"states of position {start} are gone; after {self.depth} layers: from {self.start} on")
        return self._rows[start - self._first : min(stop, self.stop) - self._first]

    def keep(self, states: Tensor) -> None:
        """Take in the states of the positions to come next."""
        at, more = self.stop - self._first, len(states)
        if at + more > len(self._rows):
            waiting = self._rows[self.start - self._first : at]
            self._rows = states.new_empty(max(2 * len(waiting), LEAST) + more, states.shape[1])
            self._rows[: len(waiting)] = waiting
            self._first, at = self.start, len(waiting)
        self._rows[at : at + more] = states
        self.stop += more

    def release(self, upto: int) -> None:
        """Let go of the positions before ``upto``."""
        self.start = max(min(upto, self.stop), self.start)
        if self.start == self.stop:
            self._first = self.start

    def rewind(self, length: int) -> None:
        """Forget the positions from ``length`` on."""
        if length < self.stop:
            self.start, self.stop = min(self.start, length), length
            self._first = min(self._first, length)


def drained(taps: Sequence[Tap], start: int) -> Tensor:
    """Return the states of ``taps`` side by side, [n, taps * width], from ``start`` on, and let go of them."""
    stop = min(tap.stop for tap in taps)
    states = torch.cat([tap.states(start, stop) for tap in taps], dim=1)
    for tap in taps:
        tap.release(stop)
    return states


class Trunk:
    """A model cut into spans of layers, each with its own count of tokens seen (HiSpec, arXiv 2510.01336).

    A span ending at an early exit runs ahead of the spans above it. The states it puts out wait in a tap until the
    next span takes them, so judging a drafted token runs only the layers it has not been through. Others may ``tap``
    the model as well: a drafter that reads what the target's layers made of every token. Nobody else pays for it.
    Invariant: ``_seen`` never rises from one span to the next, and ``_waiting[s]`` holds the states from
    position ``_seen[s + 1]`` (for the last span: of its last pass) up to ``_seen[s]``.
    """

    def __init__(self, model: Transformer, frequent: FrequentTokens | None = None, wide: Wide | None = None) -> None:
        """``wide``: what runs it where its layers come over the bus to a GPU that knows our kernels."""
        self.model, self.frequent, self.runs = model, frequent, wide or model
        self.cache = wide.cache if wide else model.new_cache()
        self._nothing = model.embed(torch.empty(0, dtype=torch.int64, device=model.device))  # [0, width]
        self._taps: list[Tap] = []  # of others, rising
        self.cut((model.layers,))

    def cut(self, exits: Sequence[int]) -> None:
        """Make spans that end after each of ``exits`` layers (rising, the last one the model's depth).

        Keeps what every layer has seen, and the taps; raises ValueError for exits that are not rising to that depth.
        """
        bounds = (0, *exits)
        if any(a >= b for a, b in zip(bounds, exits, strict=False)) or bounds[-1] != self.model.layers:
            raise ValueError(f"exits {tuple(exits)} do not rise to {self.model.layers} layers")
        length = min(self.cache.lengths)
        self.cache.rewind(length)
        self.spans = tuple(range(a, b) for a, b in zip(bounds, exits, strict=False))
        self._seen = [length] * len(self.spans)
        self._waiting = [Tap(span.stop, length, self._nothing) for span in self.spans]
        for tap in self._taps:
            tap.rewind(length)

    def tap(self, depth: int, start: int, reader: object = None) -> Tap:
        """Return what keeps the states after ``depth`` layers, from position ``start`` on at the latest.

        A ``reader`` that has such a tap gets it again, with what it kept meanwhile. Else what was run past there unseen
        is run again. Raises ValueError for a depth the model does not have.
        """
        if not 0 < depth <= self.model.layers:
            raise ValueError(f"no state leaves the first {depth} of {self.model.layers} layers")
        own = self._tapped(depth, reader)
        if own and own[0].start <= start:
            return own[0]
        self.rewind(start)
        tap = Tap(depth, self._seen[self._span_through(depth)], self._nothing, reader)
        self._taps = sorted([*(each for each in self._taps if each not in own), tap], key=lambda each: each.depth)
        return tap

    def again(self, depth: int, start: int, reader: object) -> int:
        """Return how many tokens ``tap`` would have to run again."""
        if any(tap.start <= start for tap in self._tapped(depth, reader)):
            return 0
        return max(self._seen[self._span_through(depth)] - start, 0)

    def _tapped(self, depth: int, reader: object) -> list[Tap]:
        return [tap for tap in self._taps if tap.depth == depth and tap.reader is reader is not None]

    def _span_through(self, depth: int) -> int:
        return next(i for i, span in enumerate(self.spans) if depth <= span.stop)

    def close_taps(self, but: Collection[object] = ()) -> None:
        """Keep states for nobody but the readers ``but``."""
        self._taps = [tap for tap in self._taps if any(tap.reader is reader for reader in but)]

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
        return self._waiting[span].states(start, stop)

    def advance(self, span: int, tape: Sequence[int], upto: int) -> None:
        """Run positions up to ``upto`` through ``span`` and all below, as far as they have not been."""
        for _ in self.advancing(span, tape, upto, self.model.layers):
            pass

    def advancing(self, span: int, tape: Sequence[int], upto: int, together: int) -> Iterator[int]:
        """Do what ``advance`` does, so many layers ``together``; yields how many the positions have been through.

        Dropped on the way it leaves what the span under way had seen before.
        """
        seen, layers = self._seen[span], self.spans[span]
        if seen >= upto:
            return
        if span == 0:
            ids = torch.tensor(tape[seen:upto], dtype=torch.int64)  # where they go the embedding knows
            hidden = self.model.embed(ids)
        else:
            yield from self.advancing(span - 1, tape, upto, together)
            hidden = self._waiting[span - 1].states(seen, upto)
        if span == len(self.spans) - 1:
            self._waiting[span].release(seen)
        try:
            for part in boundaries(layers, range(layers.start + together, layers.stop, together)):
                hidden = tapped_run(self.runs, hidden, part, self.cache, self._taps)
                yield part.stop
        except BaseException:
            self._forget(layers, seen)
            raise
        self._waiting[span].keep(hidden)
        self._seen[span] = upto
        if span > 0:  # what this span took no longer waits below it
            self._waiting[span - 1].release(upto)

    def _forget(self, layers: range, length: int) -> None:
        """Forget what a pass that did not end has left behind in ``layers`` from position ``length`` on."""
        self.cache.rewind(length, layers)
        for tap in _within(layers, self._taps):
            tap.rewind(length)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, in every span and tap."""
        self._seen = [min(seen, length) for seen in self._seen]
        for tap in (*self._waiting, *self._taps):
            tap.rewind(length)
        self.cache.rewind(length)


def tapped_run(model: Transformer | Wide, hidden: Tensor, layers: range, cache: Cache, taps: Sequence[Tap]) -> Tensor:
    """Take ``hidden`` [n, width] through ``layers``, in parts where ``taps`` (rising) are; see Transformer.run."""
    here = _within(layers, taps)
    for part in boundaries(layers, [tap.depth for tap in here]):
        hidden = model.run(hidden, part, cache)
        for tap in here:
            if tap.depth == part.stop:
                tap.keep(hidden)
    return hidden


def _within(layers: range, taps: Sequence[Tap]) -> list[Tap]:
    """Return those of ``taps`` that states pass in ``layers``."""
    return [tap for tap in taps if layers.start < tap.depth <= layers.stop]
