"""A preset on the device: ``produce`` of engine.decoding.hierarchy over passes that were recorded."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise

from engine.config import Preset
from engine.decoding import hierarchy
from engine.decoding.chain import asked
from engine.decoding.facts import Fact
from engine.decoding.graphs.capture import Recorder
from engine.decoding.graphs.device import Device
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.stack import REACH, Stack
from engine.decoding.graphs.turns import Drafting, Judging
from engine.decoding.graphs.ways import Stepwise, Straight, Way
from engine.decoding.hierarchy import produce
from engine.decoding.tape import Tape
from engine.model.decode import TOKENS


class GraphChain:
    """The chain of one preset: ``produce`` over levels whose laws stay on the device.

    ``most[i]``: the most tokens level i may hand up, so that the pass of its judge holds them.
    """

    def __init__(self, preset: Preset, levels: Sequence[Level], device: Device) -> None:
        self.preset, self.device, self.levels = preset, device, levels
        self.beside: list[Level] = []  # of other chains, kept ready to be turned to
        self.judges = levels[1:]
        self.top = len(levels) - 1
        self.most = [*_most_tokens(asked(preset), self.judges), TOKENS]
        self.way = self._way()
        self._head = self._hierarchy()

    def _way(self) -> Way:
        """Return how its turns begin: straight on, unless a window may take several turns."""
        straight = all(stage.window.tokens == 1 for stage in self.preset.stages[1:-1])
        return (Straight if straight else Stepwise)(self.device, self.most)

    def _hierarchy(self) -> hierarchy.Level:
        """Return the level on top, with all below it, as ``produce`` runs them."""
        head: hierarchy.Level = Drafting(self.levels[0], self.way)
        for level in self.judges:
            window = level.stage.window.tokens if level.index < self.top else 1
            head = Judging(level, head, self.way, window)
        return head

    def draft(self, tape: Tape) -> Generator[Fact, None, None]:
        """Extend ``tape`` by what one production of the target lets stand; tell each pass when it is known.

        What comes next is replayed before anybody hears of what came last: the device works while the window draws.
        """
        self.way.forget_told()
        yield from produce(self._head, tape)
        for level in self.levels:
            level.settled(len(tape))
        self.way.settled(tape)
        self._keep_up(tape)
        yield from self.way.released()

    def record(self, recorder: Recorder, at: int) -> Iterator[float]:
        """Record all works; yields the fraction done. The widest come first, whose memory the others then share.

        Positions ``at`` to ``at`` + 2 * TOKENS - 1 of the tape and of all caches are written on.
        """
        works, board, anything = list(self.way.works(self)), self.device.board, [0] * TOKENS
        board.write(anything, at)
        for stack in self._stacks():
            stack.record(recorder, board)
        for done, (name, work) in enumerate(works):
            yield done / len(works)
            board.write(anything, at)
            replay = self.way.recorded[name] = recorder.record(work)
            board.write(anything, at)
            replay()  # the first replay takes a recording to the device, which a reply must not wait for

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of every model to ``upto`` tokens."""
        for stack in self._stacks():
            stack.prefill(tape, upto, self.device.board)
        for level in (*self.levels, *self.beside):
            level.prefill(tape, upto)

    def _keep_up(self, tape: Sequence[int]) -> None:
        """Let levels beside take in what the rings will soon have lost."""
        for level in self.beside:
            if level.own is not None and len(tape) - level.own.held > REACH // 2:
                level.open()
                level.prefill(tape, len(tape) - 1)

    @property
    def fills(self) -> frozenset[int]:
        """The rings of the target that are filled by its passes."""
        return frozenset(self.levels[-1].exits)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, and whatever was begun behind them."""
        self.device.forget()
        for stack in self._stacks():
            stack.rewind(length)

    @property
    def windows(self) -> tuple[int, ...]:
        """How many tokens each level below the top hands up at a time: as asked, or what its judge's pass has room for.

        A level goes on while another turn of the level below, with a token of its own behind it, still fits.
        """
        return tuple(most - turn for turn, most in pairwise((0, *self.most[: self.top])))

    @property
    def room(self) -> int:
        """The most tokens that all its models can hold."""
        return min(stack.room for stack in self._stacks())

    def _stacks(self) -> list[Stack]:
        return list({id(level.stack): level.stack for level in self.levels}.values())

    def drafting(self) -> None:
        """Put the bottom level's drafting on the device."""
        self.levels[0].draft(self.device.board, self.most[0] if self.top else 1, settle=self.top == 0)

    def judging(self, index: int, proposed: int) -> None:
        """Put the judgement of up to ``proposed`` tokens by level ``index`` on the device."""
        below = self.levels[index - 1]
        guess = below.slot if below.stage.source.judges else None
        self.levels[index].judge(self.device.board, guess, proposed, top=index == self.top)


class PlainStep:
    """A step of ``plain`` decoding between two rounds of ``chain``, to compare with; nothing is recorded for it."""

    def __init__(self, chain: GraphChain, plain: GraphChain) -> None:
        self._chain, self._plain = chain, plain
        chain.way.ahead = plain.way.ahead = True

    def expect(self) -> None:
        """Begin nothing behind the round that comes: it would be for nothing."""
        self._chain.way.ahead = False

    def measure(self, tape: Tape) -> float:
        """Time a step behind ``tape``, in seconds of the device, and undo it."""
        length = len(tape)
        self._plain.way.ahead = False
        (fact,) = self._plain.draft(tape)
        del tape[length:]
        self._plain.rewind(length - 1)
        self._chain.way.ahead = self._plain.way.ahead = True
        return fact.seconds


def _most_tokens(windows: Sequence[int], judges: Sequence[Level]) -> list[int]:
    """Return the most tokens each level below the top may hand up."""
    room: list[int] = []
    for judge in reversed(judges):
        fits = TOKENS - judge.behind
        room.insert(0, min(fits, room[0] - 1) if room else fits)  # a judge adds a token to what stands
    most: list[int] = []
    for index, fits in enumerate(room):
        turn = most[index - 1] + 1 if index else 1
        most.append(min(fits, windows[index] - 1 + turn))
    return most
