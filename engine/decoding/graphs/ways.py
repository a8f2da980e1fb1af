"""Ways to begin a turn of a recorded chain: what is replayed when, and what may run ahead of what is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from engine.decoding.facts import Fact
from engine.decoding.graphs.device import Device
from engine.decoding.tape import Tape

Work = Callable[[], None]


class Recordable(Protocol):
    """What puts the passes of a chain's levels on the device, to be recorded."""

    def drafting(self) -> None: ...

    def judging(self, index: int, proposed: int) -> None: ...


class Way(ABC):
    """What one chain has recorded, what of it is under way, and what is known but not told yet.

    ``most[i]``: the most tokens level i may hand up. ``ahead``: whether the next round may begin before anybody hears
    of this one.
    """

    def __init__(self, device: Device, most: Sequence[int], lowest: int) -> None:
        """``lowest``: the index of the lowest judge."""
        self.device, self.most, self.lowest, self.ahead = device, most, lowest, True
        self.recorded: dict[object, Work] = {}
        self._told: list[Fact] = []
        self._turn: int | None = None  # the copy of news to wait for

    @abstractmethod
    def works(self, chain: Recordable) -> Iterator[tuple[object, Work]]:
        """Yield every piece of work the chain can come to need, each with a name to replay it by; the widest first."""

    @abstractmethod
    def begin(self, tape: Tape) -> None:
        """Put the bottom's turn on its way, and all that is certain to follow it, unless that is under way already."""

    @abstractmethod
    def judge(self, index: int, proposed: int) -> None:
        """Put the judgement of ``proposed`` tokens by level ``index`` on its way, unless it followed by itself."""

    @abstractmethod
    def judged(self, tape: Tape) -> None:
        """Take note that the device's tape is ``tape`` after a verdict."""

    @abstractmethod
    def settled(self, tape: Tape) -> None:
        """Take note that a round is over, and begin the next one where it may run ahead."""

    def tell(self, fact: Fact) -> None:
        """Keep ``fact`` until the device has something new to do: whoever hears of it may take their time."""
        self._told.append(fact)

    def released(self) -> Iterator[Fact]:
        """Yield what was kept."""
        told, self._told = self._told, []
        yield from told

    def arrived(self) -> Iterator[Fact]:
        """Wait until what is under way has arrived, unless it has; yields what was kept before."""
        if self._turn is not None:
            yield from self.released()
            self.device.slots.wait(self._turn)
            self._turn = None

    def forget_told(self) -> None:
        """Drop what was kept for a reply that nobody listens to any more."""
        self._told = []


class Straight(Way):
    """A whole round is one recording, and the next is under way before this one is read: the host decides nothing.

    For chains whose levels take one turn a round each. On a tape that is full a round does nothing, so the one begun
    too many at a reply's end leaves no trace. How many tokens a judge gets is known to the device alone: its pass
    always holds the most there can be.
    """

    def __init__(self, device: Device, most: Sequence[int], lowest: int) -> None:
        super().__init__(device, most, lowest)
        self._under_way: deque[int] = deque()

    def works(self, chain: Recordable) -> Iterator[tuple[object, Work]]:
        """Yield the round."""

        def whole() -> None:
            chain.drafting()
            for index in range(self.lowest, len(self.most)):
                chain.judging(index, self.most[index - 1])

        yield "round", whole

    def begin(self, tape: Tape) -> None:
        """See Way."""
        if not self.device.goes_on(self, tape):
            self._under_way.clear()
            self._put()
        if self.ahead:
            self._put()
        self._turn = self._under_way.popleft()

    def judge(self, index: int, proposed: int) -> None:
        """Do nothing: judgements are part of the round."""

    def judged(self, tape: Tape) -> None:
        """Do nothing: the device may be a round further."""

    def settled(self, tape: Tape) -> None:
        """See Way; the next round has begun."""
        self.device.expects(self if self._under_way else None, tape)

    def _put(self) -> None:
        self.recorded["round"]()
        self._under_way.append(self.device.slots.send())


class Stepwise(Way):
    """A turn of the lowest judge at a time: what comes next hangs on its verdict, and is replayed as soon as that is
    read. For windows that several turns may fill.
    """

    def works(self, chain: Recordable) -> Iterator[tuple[object, Work]]:
        """Yield each judge's pass for every number of tokens it may get, then the drafting."""
        for index in range(len(self.most) - 1, self.lowest - 1, -1):
            for proposed in self._counts(index):
                yield (index, proposed), lambda index=index, proposed=proposed: chain.judging(index, proposed)  # type: ignore[misc]
        yield (0, 0), chain.drafting

    def _counts(self, index: int) -> range:
        most = self.most[index - 1]
        least = 1 if index > self.lowest else most  # how much is drafted the device knows
        return range(most, least - 1, -1)

    def begin(self, tape: Tape) -> None:
        """See Way; the lowest judge's pass follows at once."""
        if self.device.is_at(self, tape):
            return
        self.device.goes_on(None, tape)
        self.recorded[0, 0]()
        self.recorded[self.lowest, self.most[self.lowest - 1]]()
        self._turn = self.device.slots.send()
        self.device.expects(self, tape)

    def judge(self, index: int, proposed: int) -> None:
        """See Way."""
        if index > self.lowest:
            self.recorded[index, proposed]()
            self._turn = self.device.slots.send()

    def judged(self, tape: Tape) -> None:
        """See Way."""
        self.device.expects(None, tape)

    def settled(self, tape: Tape) -> None:
        """See Way."""
        if self.ahead and not tape.full:
            self.begin(tape)
