"""Chains whose rounds all go the same way: each is one recording, and the next is under way before this one is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence

from engine.config import Preset
from engine.decoding.graphs.chain import GraphChain, Work
from engine.decoding.graphs.device import Device
from engine.decoding.graphs.level import Level
from engine.decoding.hierarchy import Fact
from engine.decoding.tape import Tape


def is_straight(preset: Preset, levels: Sequence[Level | None]) -> bool:
    """Tell whether every level takes one turn a round: nothing to look up, no window that several turns might fill."""
    return levels[0] is not None and all(stage.window.tokens == 1 for stage in preset.stages[1:-1])


class StraightChain(GraphChain):
    """A chain of which the host decides nothing.

    On a tape that is full a round does nothing, so the one begun too many at a reply's end leaves no trace. How many
    tokens a judge gets is known to the device alone: its pass always holds the most there can be.
    """

    def __init__(self, preset: Preset, levels: Sequence[Level | None], device: Device) -> None:
        super().__init__(preset, levels, device)
        self._under_way: deque[int] = deque()

    def works(self) -> Iterator[tuple[object, Work]]:
        """Yield the round."""
        yield "round", self._round

    def _round(self) -> None:
        self.drafting()
        for index in range(1, self.top + 1):
            self.judging(index, self.most[index - 1])

    def draft(self, tape: Tape) -> Generator[Fact, None, None]:
        """See GraphChain."""
        if not self.device.goes_on(self, tape):
            self._under_way.clear()
            self._begin()
        if self.ahead:
            self._begin()
        self.device.slots.wait(self._under_way.popleft())
        mark = len(tape)
        told: list[Fact] = list(self.drafted(tape))
        told += [self.judged(index, tape, mark) for index in range(1, self.top + 1)]
        self.hold(tape)
        self.device.expects(self if self._under_way else None, tape)
        yield from told

    def _begin(self) -> None:
        self.recorded["round"]()
        self._under_way.append(self.device.slots.send())
