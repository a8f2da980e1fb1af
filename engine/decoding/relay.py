"""A chain that goes on without the models that cannot hold the conversation any more."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, Protocol

from engine.config import PRESETS, Preset, Role
from engine.decoding.facts import Fact
from engine.decoding.tape import Tape

Context = Callable[[Role], int]  # the most tokens the model of a role can hold


class Chain(Protocol):
    """A preset at work."""

    def draft(self, tape: Tape) -> Generator[Fact, None, Any]: ...

    def prefill(self, tape: Sequence[int], upto: int) -> None: ...

    def rewind(self, length: int) -> None: ...


class PlainStep(Protocol):
    """Plain decoding over the same caches, a step at a time, for comparison."""

    def expect(self) -> None: ...

    def measure(self, tape: Tape) -> float: ...


def within(preset: Preset, tokens: int, context: Context) -> Preset:
    """Return ``preset`` without the levels whose models cannot hold more than ``tokens`` tokens; the target stays."""
    return _picked(preset, _holding(preset, tokens, context))


def _holding(preset: Preset, tokens: int, context: Context) -> tuple[int, ...]:
    """Return the indices of the levels that can hold more than ``tokens`` tokens, and of the target."""
    top = len(preset.stages) - 1
    sources = [stage.source for stage in preset.stages[:top]]
    below = (i for i, source in enumerate(sources) if all(context(role) > tokens for role in source.whole))
    return (*below, top)


def _picked(preset: Preset, levels: Sequence[int]) -> Preset:
    if len(levels) == len(preset.stages):
        return preset
    return replace(preset, stages=tuple(preset.stages[i] for i in levels)) if len(levels) > 1 else PRESETS["plain"]


class Relay:
    """``preset`` at work, without a level from where its model's context ends on; facts keep its levels' numbers.

    Until then the tape is as if it ended there, which every chain respects, so no level is asked for what it cannot
    hold and the law stays what it is. ``open_chain`` sets a preset to work on the tape, and ``plain``
    decoding beside it. ``ready`` tells whether it can do so now: otherwise plain decoding goes on, which always can.
    """

    def __init__(
        self,
        preset: Preset,
        context: Context,
        ready: Callable[[Preset], bool],
        open_chain: Callable[[Preset], tuple[Chain, PlainStep]],
        tape: Tape,
    ) -> None:
        self.preset, self._context, self._ready, self._open = preset, context, ready, open_chain
        self._begin(tape)

    @property
    def whole(self) -> bool:
        """True while no level was left out."""
        return len(self._levels) == len(self.preset.stages)

    def draft(self, tape: Tape) -> Generator[Fact, None, None]:
        """Extend ``tape`` by one round; where that ends a model's context, go on without it."""
        with self._limited(tape), closing(self._chain.draft(tape)) as running:
            for fact in running:
                yield fact if self.whole else replace(fact, level=self._levels[fact.level])
            del tape[tape.limit :]
        if len(tape) >= self._reach and not tape.full:
            self._begin(tape)
            self.prefill(tape, len(tape) - 1)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of all levels at work to ``upto`` tokens."""
        self._chain.prefill(tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self._chain.rewind(length)

    def _begin(self, tape: Tape) -> None:
        self._levels = _holding(self.preset, len(tape), self._context)
        picked = _picked(self.preset, self._levels)
        if not self._ready(picked):
            self._levels, picked = self._levels[-1:], PRESETS["plain"]
        self._reach = min(self._context(role) for role in picked.whole)
        with self._limited(tape):
            self._chain, self.plain = self._open(picked)

    @contextmanager
    def _limited(self, tape: Tape) -> Iterator[None]:
        """Let ``tape`` end where the smallest context at work does."""
        limit = tape.limit
        tape.limit = min(limit, self._reach)
        try:
            yield
        finally:
            tape.limit = limit
