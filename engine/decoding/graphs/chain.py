"""A preset on the device: what its recordings are, and how their news become tokens and facts on the host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import pairwise

from engine.config import Preset
from engine.decoding.graphs.capture import Recorder
from engine.decoding.graphs.device import Device
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.stack import Stack
from engine.decoding.hierarchy import Drafted, Fact, Judged
from engine.decoding.tape import Tape
from engine.model.decode import TOKENS
from engine.model.kernels.record import Drafts, Verdict

Work = Callable[[], None]


class GraphChain(ABC):
    """The chain of one preset: a Drafter whose laws stay on the device.

    ``most[i]``: the most tokens level i may hand up, so that the pass of its judge holds them. ``levels[0]`` is None
    for a lookup, which needs no device.
    """

    def __init__(self, preset: Preset, levels: Sequence[Level | None], device: Device) -> None:
        self.preset, self.device, self.levels = preset, device, levels
        self.judges = [level for level in levels[1:] if level is not None]
        self.top = len(levels) - 1
        self.ahead = True  # whether the next round may begin before this one is read
        self.most = [*_most_tokens([stage.window.tokens for stage in preset.stages], self.judges), TOKENS]

    @abstractmethod
    def works(self) -> Iterator[tuple[object, Work]]:
        """Yield every piece of work this chain can come to need, each with a name to replay it by."""

    @abstractmethod
    def draft(self, tape: Tape) -> Generator[Fact, None, None]:
        """Extend ``tape`` by what one production of the target lets stand; tell each pass when it is known."""

    def record(self, recorder: Recorder, at: int) -> Iterator[float]:
        """Record all works; yields the fraction done. The widest come first, whose memory the others then share.

        Positions ``at`` to ``at`` + 2 * TOKENS - 1 of the tape and of all caches are written on.
        """
        works, board, anything = list(self.works()), self.device.board, [0] * TOKENS
        self.recorded: dict[object, Work] = {}
        board.write(anything, at)
        for stack in self._stacks():
            stack.record(recorder, board)
        for done, (name, work) in enumerate(works):
            yield done / len(works)
            board.write(anything, at)
            self.recorded[name] = recorder.record(work)
            board.write(anything, at)
            self.recorded[name]()  # the first replay takes a recording to the device, which a reply must not wait for

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of every model to ``upto`` tokens."""
        for stack in self._stacks():
            stack.prefill(tape, upto, self.device.board)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, and whatever was begun behind them."""
        self.device.forget()
        for stack in self._stacks():
            stack.rewind(length)

    def hold(self, tape: Tape) -> None:
        """Note what the caches hold once a round is settled."""
        for level in filter(None, self.levels):
            level.stack.held = len(tape) - level.behind

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
        return list({id(level.stack): level.stack for level in self.levels if level}.values())

    # What is recorded.

    def drafting(self) -> None:
        """Put the bottom level's drafting on the device."""
        level = self.levels[0]
        if level is not None:
            level.draft(self.device.board, self.most[0] if self.top else 1, settle=self.top == 0)

    def judging(self, index: int, proposed: int) -> None:
        """Put the judgement of up to ``proposed`` tokens by level ``index`` on the device."""
        below = self.levels[index - 1]
        slot = below.slot if below else None
        self.judges[index - 1].judge(self.device.board, slot, proposed, top=index == self.top)

    # What comes of it.

    def drafted(self, tape: Tape) -> Iterator[Drafted]:
        """Put what level 0 told it drew on the tape."""
        level, drafts = self.levels[0], self.device.slots.heard(0)
        assert level is not None and isinstance(drafts, Drafts)  # noqa: S101, PT018 - as recorded
        if not drafts.tokens:
            return
        clock = self.device.clock(drafts.stamps[-1][1])
        for i, token in enumerate(drafts.tokens):
            tape.append(token)
            began, ended = drafts.stamps[i]
            given = (drafts.probabilities[i],), (drafts.ranks[i],)
            positions = 1 if i else level.behind
            yield Drafted(0, (token,), *given, positions, clock + began / 1e9, (ended - began) / 1e9)

    def judged(self, index: int, tape: Tape, mark: int) -> Judged:
        """Let the tape from ``mark`` on take the verdict of level ``index``."""
        verdict = self.device.slots.heard(index)
        assert isinstance(verdict, Verdict)  # noqa: S101 - as recorded
        proposed, kept, following = verdict.proposed, verdict.kept, verdict.following
        if proposed != len(tape) - mark:
            raise RuntimeError(f"the device judged {proposed} tokens at level {index}, the host {len(tape) - mark}")
        del tape[mark + kept :]
        if following is not None:
            tape.append(following)
        began = self.device.clock(verdict.ended) + verdict.began / 1e9
        seconds = (verdict.ended - verdict.began) / 1e9
        positions = proposed + self.judges[index - 1].behind
        given = verdict.probabilities, verdict.ranks
        return Judged(index, proposed, kept, following, *given, positions, began, seconds)


class PlainStep:
    """A step of ``plain`` decoding between two rounds of ``chain``, to compare with; nothing is recorded for it."""

    def __init__(self, chain: GraphChain, plain: GraphChain) -> None:
        self._chain, self._plain = chain, plain
        chain.ahead = plain.ahead = True

    def expect(self) -> None:
        """Begin nothing behind the round that comes: its random numbers would be drawn for nothing."""
        self._chain.ahead = False

    def measure(self, tape: Tape) -> float:
        """Time a step behind ``tape``, in seconds of the device, and undo it, the random numbers included."""
        length, random = len(tape), self._plain.device.board.random
        drawn = random.clone()
        self._plain.ahead = False
        (fact,) = self._plain.draft(tape)
        del tape[length:]
        self._plain.rewind(length - 1)
        random.copy_(drawn)
        self._chain.ahead = self._plain.ahead = True
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
