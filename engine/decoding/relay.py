"""A reply's chain of levels, as it turns into another: because that is faster, or because a model is full."""

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

    def expect(self, tape: Tape) -> bool:
        """Begin nothing behind the round that comes; tell whether that one has begun behind ``tape`` already."""
        ...

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


def _numbers(preset: Preset, whole: Preset) -> tuple[int, ...]:
    """Return which level of ``whole`` each of ``preset`` is; raises ValueError where they are not in its order."""
    if preset is whole:
        return tuple(range(len(whole.stages)))
    left = enumerate(whole.stages)
    found = [next((i for i, other in left if other.source == stage.source), None) for stage in preset.stages]
    numbers = tuple(number for number in found if number is not None)
    if len(numbers) < len(found):
        raise ValueError(f"{preset.name} has other levels than {whole.name}, or in another order")
    return numbers


class Relay:
    """A reply's chain, which may turn into another between two rounds; facts have the numbers of ``preset``'s levels.

    ``preset``: all the levels that may come to work, each chain's in their order. It begins with ``first`` (None: with
    all), and turns by itself where a model's context ends: it goes on without that level. Until then the tape is as if
    it ended there, which every chain respects, so no level is asked for what it cannot hold. All levels draw with the
    same noise, so the reply's law, and with a seed the reply, is the same wherever it turns.
    ``open_chain`` sets a preset to work on the tape, and ``plain`` decoding beside it. ``ready`` tells whether it can
    do so now: otherwise plain decoding goes on, which always can.
    """

    def __init__(
        self,
        preset: Preset,
        context: Context,
        ready: Callable[[Preset], bool],
        open_chain: Callable[[Preset], tuple[Chain, PlainStep]],
        tape: Tape,
        first: Preset | None = None,
    ) -> None:
        self.preset, self._context, self._ready, self._open = preset, context, ready, open_chain
        self.wanted = first or preset
        self._begin(tape)

    @property
    def whole(self) -> bool:
        """True while no level of what it was to run was left out."""
        return len(self._levels) == len(self.wanted.stages)

    @property
    def alone(self) -> bool:
        """True while the target writes by itself: nothing is guessed."""
        return len(self._levels) == 1

    def turn_to(self, preset: Preset, tape: Tape) -> bool:
        """Go on with ``preset`` from the next round on; levels that were not at work catch up with ``tape`` now.

        Returns False where a round of the present chain has begun already: its tokens are as good as any, so it comes
        first, nothing begins behind it, and one may ask again. Between rounds alone. Raises ValueError where a level of
        it is none of the whole preset's, or in another order.
        """
        if preset != self.wanted:
            _numbers(preset, self.preset)
            if self.plain.expect(tape):
                return False
            self.wanted = preset
            self._turn(tape)
        return True

    def draft(self, tape: Tape) -> Generator[Fact, None, None]:
        """Extend ``tape`` by one round; where that ends a model's context, go on without it."""
        with self._limited(tape), closing(self._chain.draft(tape)) as running:
            for fact in running:
                yield replace(fact, level=self._levels[fact.level]) if self._renumbers else fact
            del tape[tape.limit :]
        if len(tape) >= self._reach and not tape.full:
            self._turn(tape)

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of all levels at work to ``upto`` tokens."""
        self._chain.prefill(tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on."""
        self._chain.rewind(length)

    def _turn(self, tape: Tape) -> None:
        self._begin(tape)
        self.prefill(tape, len(tape) - 1)

    def _begin(self, tape: Tape) -> None:
        held = _holding(self.wanted, len(tape), self._context)
        picked = _picked(self.wanted, held)
        if not self._ready(picked):
            held, picked = held[-1:], PRESETS["plain"]
        numbers = _numbers(self.wanted, self.preset)
        self._levels = tuple(numbers[level] for level in held)
        self._renumbers = self._levels != tuple(range(len(held)))
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
