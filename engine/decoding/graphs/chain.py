"""A preset on the device: ``produce`` of engine.decoding.hierarchy over passes that were recorded."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

from engine.config import Preset, Stage
from engine.decoding import hierarchy
from engine.decoding.chain import asked
from engine.decoding.facts import Fact
from engine.decoding.graphs.capture import Recorder
from engine.decoding.graphs.device import Device
from engine.decoding.graphs.intake import Intake
from engine.decoding.graphs.level import Level, Work, nothing
from engine.decoding.graphs.stack import Stack
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
        self.intakes = [level.intake for level in levels if level.intake]
        self.beside: list[Intake] = []  # of other chains, kept ready to be turned to
        self.judges = levels[preset.guessing :]
        self.top = len(levels) - 1
        self.guessers = levels[: preset.guessing] if self.top else levels
        self.most = [*_most_tokens(asked(preset), preset.guessing, self.judges), TOKENS]
        self.way = self._way()
        self._head = self._hierarchy(preset)

    def _way(self) -> Way:
        """Return how its turns begin: straight on, unless a window may take several turns."""
        return (Straight if straight(self.preset) else Stepwise)(self.device, self.most, self.preset.guessing)

    def covers(self, preset: Preset) -> bool:
        """Tell whether it can run ``preset``: the same levels, with windows that are no wider."""
        if len(preset.stages) != len(self.preset.stages) or straight(preset) is not straight(self.preset):
            return False
        return all(_covers(own, other) for own, other in zip(self.preset.stages, preset.stages, strict=True))

    def narrow(self, preset: Preset) -> None:
        """Run ``preset`` from the next round on, which it covers; what was recorded is wide enough."""
        self.device.narrow([stage.window.tokens for stage in preset.stages[: preset.guessing]])
        self._head = self._hierarchy(preset)

    def _hierarchy(self, preset: Preset) -> hierarchy.Level:
        """Return the level on top, with all below it, as ``produce`` runs them for ``preset``."""
        lowest, *others = self.guessers
        head: hierarchy.Level = Drafting(lowest, self.way)
        for level in others:
            head = Drafting(level, self.way, head)
        for level, stage in zip(self.judges, preset.stages[-len(self.judges) :], strict=bool(self.judges)):
            window = stage.window.tokens if level.index < self.top else 1
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
        held = [intake.own.held for intake in self.intakes]
        board.write(anything, at)
        for stack in self._stacks():
            stack.record(recorder, board)
        for intake in self.intakes:
            intake.record(recorder, board, at)
        for done, (name, work) in enumerate(works):
            yield done / len(works)
            board.write(anything, at)
            replay = self.way.recorded[name] = recorder.record(work)
            board.write(anything, at)
            replay()  # the first replay takes a recording to the device, which a reply must not wait for
            for intake, tokens in zip(self.intakes, held, strict=True):
                intake.own.settle(tokens)  # a CPU counts what it was made to write

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of every model to ``upto`` tokens."""
        for stack in self._stacks():
            stack.prefill(tape, upto, self.device.board)
        for intake in (*self.intakes, *self.beside):
            intake.prefill(tape, upto)

    def _keep_up(self, tape: Sequence[int]) -> None:
        """Let drafters beside take in what fills a pass of theirs: turning to them then takes one."""
        for intake in self.beside:
            if len(tape) - 1 - intake.own.held >= TOKENS:
                intake.prefill(tape, len(tape) - 1)

    @property
    def fills(self) -> frozenset[int]:
        """The rings of the target that are filled by its passes."""
        return frozenset(self.levels[-1].exits)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, and whatever was begun behind them."""
        self.device.forget()
        for stack in self._stacks():
            stack.rewind(length)

    def windows(self, preset: Preset) -> tuple[int, ...]:
        """Return how many tokens each level below the top of ``preset``, which it covers, hands up at a time.

        As many as asked, or what its judge's pass has room for. A level goes on while another turn of the level below,
        with a token of its own behind it, still fits.
        """
        lowest = preset.guessing
        room = [*self.most[:lowest], *(most - turn for turn, most in pairwise(self.most[lowest - 1 : self.top]))]
        return tuple(min(*pair) for pair in zip(asked(preset), room, strict=False))

    @property
    def room(self) -> int:
        """The most tokens that all its models can hold."""
        return min(stack.room for stack in self._stacks())

    def _stacks(self) -> list[Stack]:
        return list({id(level.stack): level.stack for level in self.levels}.values())

    def drafting(self) -> None:
        """Put the drafting on the device: the highest that guesses begins, and goes on where no lower one does."""
        work: Work = nothing
        for level in self.guessers:
            work = partial(self._guessing, level, work)
        work()

    def _guessing(self, level: Level, before: Work) -> None:
        tokens = min(level.stage.window.tokens, self.most[level.index]) if self.top else 1
        level.draft(self.device.board, tokens, settle=self.top == 0, before=before)

    def judging(self, index: int, proposed: int) -> None:
        """Put the judgement of up to ``proposed`` tokens by level ``index`` on the device."""
        below = self.levels[index - 1]
        guess = below.slot if below.stage.source.judges and not below.stage.fallback else None
        self.levels[index].judge(self.device.board, guess, proposed, top=index == self.top)


class PlainStep:
    """A step of ``plain`` decoding between two rounds of ``chain``, to compare with; nothing is recorded for it."""

    def __init__(self, chain: GraphChain, plain: GraphChain) -> None:
        self._chain, self._plain = chain, plain
        chain.way.ahead = plain.way.ahead = True

    def expect(self, tape: Tape) -> bool:
        """See relay.PlainStep."""
        self._chain.way.ahead = False
        return self._chain.device.is_at(self._chain.way, tape)

    def measure(self, tape: Tape) -> float:
        """Time a step behind ``tape``, in seconds of the device, and undo it."""
        length = len(tape)
        self._plain.way.ahead = False
        (fact,) = self._plain.draft(tape)
        del tape[length:]
        self._plain.rewind(length - 1)
        self._chain.way.ahead = self._plain.way.ahead = True
        return fact.seconds


def straight(preset: Preset) -> bool:
    """Tell whether each level takes one turn a round."""
    return all(stage.window.tokens == 1 for stage in preset.stages[preset.guessing : -1])


def _covers(own: Stage, other: Stage) -> bool:
    width = own.window.tokens
    return other.window.tokens <= width and replace(other, window=replace(other.window, tokens=width)) == own


def _most_tokens(asked: Sequence[int], guessing: int, judges: Sequence[Level]) -> list[int]:
    """Return the most tokens each level below the top may hand up; of ``guessing`` levels, the highest has theirs."""
    if not asked:
        return []
    windows = [max(asked[:guessing]), *asked[guessing:]]
    room: list[int] = []
    for judge in reversed(judges):
        fits = TOKENS - judge.behind
        room.insert(0, min(fits, room[0] - 1) if room else fits)  # a judge adds a token to what stands
    most: list[int] = []
    for index, fits in enumerate(room):
        turn = most[index - 1] + 1 if index else 1
        most.append(min(fits, windows[index] - 1 + turn))
    return [*(min(window, most[0]) for window in asked[: guessing - 1]), *most]
