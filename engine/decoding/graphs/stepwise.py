"""Chains whose next step depends on the last: windows that take several turns to fill, and lookups."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence

from engine.config import Preset
from engine.decoding.graphs.chain import GraphChain, Work
from engine.decoding.graphs.device import Device
from engine.decoding.graphs.level import Level
from engine.decoding.hierarchy import Drafted, Fact
from engine.decoding.sources import making
from engine.decoding.tape import Tape

Steps = Generator[Fact | None, None, None]  # None: the device has got something new to do


class StepwiseChain(GraphChain):
    """The recursion of engine.decoding.hierarchy over recordings.

    What comes next is known as soon as a verdict is read, and is replayed before anybody hears of that verdict: the
    device works while the window draws.
    """

    def __init__(self, preset: Preset, levels: Sequence[Level | None], device: Device) -> None:
        super().__init__(preset, levels, device)
        self._copied: list[int] = []  # what a lookup at the bottom proposed last
        self._turn = 0  # what to wait for

    def works(self) -> Iterator[tuple[object, Work]]:
        """Yield each judge's pass for every number of tokens it may get, then the drafting."""
        for index in range(self.top, 0, -1):
            for proposed in self._counts(index):
                yield (index, proposed), lambda index=index, proposed=proposed: self.judging(index, proposed)  # type: ignore[misc]
        if self.levels[0] is not None:
            yield (0, 0), self.drafting

    def _counts(self, index: int) -> range:
        most = self.most[index - 1]
        if index > 1:
            return range(most, 0, -1)
        if self.levels[0] is None:  # a lookup may find nothing
            return range(most, -1, -1)
        return range(most, most - 1, -1)  # drafting may stop early, but only the device knows

    def draft(self, tape: Tape) -> Generator[Fact, None, None]:
        """See GraphChain."""
        told: list[Fact] = []
        for step in self._produce(self.top, tape):
            if step is not None:
                told.append(step)
            else:
                yield from told
                told.clear()
        self.hold(tape)
        self.device.expects(None, tape)
        if self.ahead and not tape.full:
            self._begin(tape)
        yield from told

    def _produce(self, index: int, tape: Tape) -> Steps:
        """Let level ``index`` produce until its window is reached, or another turn might not fit the judge's pass."""
        start, window = len(tape), self.preset.stages[index].window.tokens if index < self.top else 1
        while True:
            mark = len(tape)
            if index > 1:
                yield from self._produce(index - 1, tape)
                self.recorded[index, len(tape) - mark]()
                self._turn = self.device.slots.send()
            else:
                self._begin(tape)
            yield None
            self.device.slots.wait(self._turn)
            yield from self._settle(index, tape, mark)
            stands = len(tape) - start
            if stands >= window or tape.full or stands + self.most[index - 1] + 1 > self.most[index]:
                return

    def _begin(self, tape: Tape) -> None:
        """Replay a turn of level 1, unless that is under way already."""
        device = self.device
        if device.is_at(self, tape):
            return
        device.goes_on(None, tape)
        if self.levels[0] is None:
            self._copied = [*making(self.preset.stages[0].source).propose(tape, self.most[0])]
            device.board.append(self._copied)
            self.recorded[1, len(self._copied)]()
        else:
            self.recorded[0, 0]()
            self.recorded[1, self.most[0]]()
        self._turn = device.slots.send()
        device.expects(self, tape)

    def _settle(self, index: int, tape: Tape, mark: int) -> Iterator[Fact]:
        """Read what came of level ``index``'s turn, and of the drafting for it, and put it on the tape."""
        if index == 1 and self.levels[0] is None:
            tape.extend(self._copied)
            yield from _copied_fact(self._copied)
        elif index == 1:
            yield from self.drafted(tape)
        yield self.judged(index, tape, mark)
        self.device.expects(None, tape)


def _copied_fact(tokens: Sequence[int]) -> list[Drafted]:
    """Return the fact of a lookup that found ``tokens``: it is sure of each, and takes no time on the device."""
    ones = len(tokens)
    return [Drafted(0, tuple(tokens), (1.0,) * ones, (1,) * ones, 0, time.perf_counter(), 0.0)] if tokens else []
