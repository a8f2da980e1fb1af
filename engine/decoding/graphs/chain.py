"""A preset on the device: the same recursion as engine.decoding.hierarchy, as recordings that are replayed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence

from engine import config
from engine.config import Preset, Stage
from engine.decoding.graphs.capture import Recorder
from engine.decoding.graphs.device import Device
from engine.decoding.graphs.level import Level
from engine.decoding.graphs.stack import Stack
from engine.decoding.hierarchy import Drafted, Fact, Judged
from engine.decoding.lookup import continuation
from engine.decoding.tape import Tape
from engine.model.decode import TOKENS
from engine.model.kernels.record import Drafts, Verdict

Replay = Callable[[], None]
Facts = Generator[Fact, None, None]
Steps = Generator[Fact | None, None, None]  # None: the device has got something new to do


class GraphChain:
    """The chain of one preset; a Drafter whose laws stay on the device.

    Whatever comes next is known as soon as a verdict is read, and is replayed before anybody hears of that verdict: the
    device works while the window draws. What was begun for nothing is forgotten by writing the tape's length.
    """

    def __init__(self, preset: Preset, levels: Sequence[Level | None], device: Device) -> None:
        self.preset, self.levels, self.device = preset, levels, device
        self.top = len(levels) - 1
        self._recorded: dict[tuple[int, int], Replay] = {}  # by level and tokens proposed to it
        self._most = [*_most_tokens(preset.stages, levels), TOKENS]
        self._copied: list[int] = []  # what a lookup at the bottom proposed last

    # Recording.

    def record(self, recorder: Recorder) -> Generator[float, None, None]:
        """Record every pass this chain can come to need; yields the fraction done."""
        works = list(self._works())
        board = self.device.board
        for done, (key, work) in enumerate(works):
            yield done / len(works)
            board.write([0] * TOKENS, 0)
            self._recorded[key] = recorder.record(work)

    def _works(self) -> Generator[tuple[tuple[int, int], Callable[[], None]], None, None]:
        """Yield (level, tokens proposed) and the work; the widest first, whose memory the others then share."""
        for index in range(self.top, 0, -1):
            most = self._most[index - 1]
            if index > 1:
                counts = range(most, 0, -1)
            else:  # a lookup may find nothing; drafting may stop early, which only the device knows
                counts = range(most, -1, -1) if self.levels[0] is None else range(most, most - 1, -1)
            for proposed in counts:
                yield (index, proposed), self._judging(index, proposed)
        if self.levels[0] is not None:
            yield (0, 0), self._drafting(self.levels[0])

    def _drafting(self, level: Level) -> Callable[[], None]:
        tokens = self._most[0] if self.top else 1
        return lambda: level.draft(self.device.board, tokens, settle=self.top == 0)

    def _judging(self, index: int, proposed: int) -> Callable[[], None]:
        level, below = self.levels[index], self.levels[index - 1]
        assert level is not None  # noqa: S101 - a lookup judges nobody: config refuses it
        slot = None if below is None else below.slot
        return lambda: level.judge(self.device.board, slot, proposed, top=index == self.top)

    # A reply.

    def draft(self, tape: Tape) -> Generator[Fact, None, None]:
        """Extend ``tape`` by what one production of the target lets stand; tell each pass when it is known."""
        told: list[Fact] = []
        for step in self._produce(self.top, tape):
            if step is not None:
                told.append(step)
            else:
                yield from told
                told.clear()
        for level in filter(None, self.levels):
            level.stack.held = len(tape) - level.behind
        if not tape.full:
            self._begin(tape)
        yield from told

    def prefill(self, tape: Sequence[int], upto: int) -> None:
        """Bring the caches of every model to ``upto`` tokens."""
        for stack in self._stacks():
            stack.prefill(tape, upto)

    def rewind(self, length: int) -> None:
        """Forget every token from position ``length`` on, and what was begun behind them."""
        self.device.under_way, self.device.length = None, -1
        for stack in self._stacks():
            stack.rewind(length)

    def _stacks(self) -> list[Stack]:
        return list({id(level.stack): level.stack for level in self.levels if level}.values())

    # The recursion.

    def _produce(self, index: int, tape: Tape) -> Steps:
        """Let level ``index`` produce until its window is reached, or another turn might not fit the judge's pass."""
        start, window = len(tape), self.preset.stages[index].window.tokens if index < self.top else 1
        while True:
            mark = len(tape)
            if index > 1:
                yield from self._produce(index - 1, tape)
                self._recorded[index, len(tape) - mark]()
                self.device.slots.send()
            else:
                self._begin(tape)
            yield None
            self.device.slots.wait()
            yield from self._settle(index, tape, mark)
            stands = len(tape) - start
            if index == 0 or stands >= window or tape.full or stands + self._most[index - 1] + 1 > self._most[index]:
                return

    def _begin(self, tape: Tape) -> None:
        """Replay a turn of level 1 (of level 0 where it is alone), unless that is under way already."""
        device = self.device
        if device.under_way == (self, len(tape)):
            return
        if device.length != len(tape):
            device.board.write(tape[-1:], len(tape) - 1)
        device.under_way, device.length = (self, len(tape)), -1
        proposed = self._most[0]
        if self.levels[0] is not None:
            self._recorded[0, 0]()
        else:
            self._copied = self._copy(tape)
            device.board.append(self._copied)
            proposed = len(self._copied)
        if self.top > 0:
            self._recorded[1, proposed]()
        device.slots.send()

    def _copy(self, tape: Tape) -> list[int]:
        lookup = self.preset.stages[0].source
        return continuation(tape, lookup, self._most[0]) if isinstance(lookup, config.Lookup) else []

    def _settle(self, index: int, tape: Tape, mark: int) -> Facts:
        """Read what came of level ``index``'s turn, and of the drafting for it, and put it on the tape."""
        self.device.under_way = None
        if index < 2:
            yield from self._drafted(tape)
        if index > 0:
            yield self._judged(index, tape, mark)
        self.device.length = len(tape)

    def _drafted(self, tape: Tape) -> Facts:
        if self.levels[0] is None:
            now, copied = time.perf_counter(), tuple(self._copied)
            tape.extend(copied)
            if copied:
                yield Drafted(0, copied, (1.0,) * len(copied), (1,) * len(copied), 0, now, 0.0)
            return
        drafts = self.device.slots.heard(0)
        assert isinstance(drafts, Drafts)  # noqa: S101 - level 0 tells nothing else
        clock = self.device.clock(drafts.stamps[-1][1] if drafts.stamps else 0)
        for i, token in enumerate(drafts.tokens):
            tape.append(token)
            began, ended = drafts.stamps[i]
            positions = 1 if i else self.levels[0].behind
            given = (drafts.probabilities[i],), (drafts.ranks[i],)
            yield Drafted(0, (token,), *given, positions, clock + began / 1e9, (ended - began) / 1e9)

    def _judged(self, index: int, tape: Tape, mark: int) -> Judged:
        level, verdict = self.levels[index], self.device.slots.heard(index)
        assert level is not None and isinstance(verdict, Verdict)  # noqa: S101, PT018 - as recorded
        proposed, kept, following = verdict.proposed, verdict.kept, verdict.following
        if proposed != len(tape) - mark:
            raise RuntimeError(f"the device judged {proposed} tokens of level {index}, the host {len(tape) - mark}")
        del tape[mark + kept :]
        if following is not None:
            tape.append(following)
        began = self.device.clock(verdict.ended) + verdict.began / 1e9
        seconds = (verdict.ended - verdict.began) / 1e9
        return Judged(
            *(index, proposed, kept, following, verdict.probabilities, verdict.ranks),
            *(proposed + level.behind, began, seconds),
        )


def _most_tokens(stages: Sequence[Stage], levels: Sequence[Level | None]) -> list[int]:
    """Return the most tokens each level below the top may hand up, so that the judge's pass holds them."""
    top = len(levels) - 1
    room = [TOKENS] * top
    for index in range(top - 1, -1, -1):
        judge = levels[index + 1]
        room[index] = TOKENS - (judge.behind if judge else 0)
        if index + 1 < top:
            room[index] = min(room[index], room[index + 1] - 1)  # its judge adds a token to what stands
    most: list[int] = []
    for index in range(top):
        turn = most[index - 1] + 1 if index else 1
        most.append(min(room[index], stages[index].window.tokens - 1 + turn))
    return most
