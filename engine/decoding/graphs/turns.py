"""The levels of a recorded chain as ``produce`` meets them: what they begin is replayed, what they settle is read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from engine.decoding.facts import Drafted, Fact, Judged
from engine.decoding.graphs.level import Level as Passes
from engine.decoding.graphs.ways import Way
from engine.decoding.hierarchy import Level
from engine.decoding.kernels.record import Drafts, Verdict
from engine.decoding.tape import Tape


class Drafting(Level):
    """A level that draws on the device; over another one only where that has nothing to propose."""

    def __init__(self, passes: Passes, way: Way, below: Level | None = None) -> None:
        self._passes, self._way, self.below = passes, way, below

    def begin(self, tape: Tape, mark: int) -> None:  # noqa: ARG002 - the device knows what was proposed
        """Put the drafting on its way, that of all who guess with it."""
        if self.below is None:
            self._way.begin(tape)

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:  # noqa: ARG002 - it appends
        """Put what it drew on the tape."""
        yield from self._way.arrived()
        device, behind = self._way.device, self._passes.behind
        drafts = device.slots.heard(self._passes.index)
        assert isinstance(drafts, Drafts)  # noqa: S101 - as recorded
        if not drafts.tokens:
            return
        clock, at = device.clock(drafts.stamps[-1][1]), 0
        tape.extend(drafts.tokens)
        for began, made in groupby(drafts.stamps, itemgetter(0)):  # in one pass, or without any
            ends = [ended for _, ended in made]
            some, ended = slice(at, at + len(ends)), ends[-1]
            given = drafts.tokens[some], drafts.probabilities[some], drafts.ranks[some]
            positions = 1 if at else behind
            self._way.tell(Drafted(self._passes.index, *given, positions, clock + began / 1e9, (ended - began) / 1e9))
            at = some.stop


class Judging(Level):
    """A level that judges on the device what the level below proposed."""

    below: Level

    def __init__(self, passes: Passes, below: Level, way: Way, window: int) -> None:
        """``window``: how many tokens are to stand before any are handed up."""
        self._passes, self.below, self._way = passes, below, way
        index = passes.index
        self._enough = min(window, way.most[index] - way.most[index - 1])  # or another turn might not fit a pass

    def begin(self, tape: Tape, mark: int) -> None:
        """Put the judgement on its way."""
        self._way.judge(self._passes.index, len(tape) - mark)

    def settle(self, tape: Tape, mark: int) -> Iterator[Fact]:
        """Let the tape from ``mark`` on take the verdict."""
        yield from self._way.arrived()
        index, device = self._passes.index, self._way.device
        verdict = device.slots.heard(index)
        assert isinstance(verdict, Verdict)  # noqa: S101 - as recorded
        proposed, kept, following = verdict.proposed, verdict.kept, verdict.following
        if proposed != len(tape) - mark:
            raise RuntimeError(f"the device judged {proposed} tokens at level {index}, the host {len(tape) - mark}")
        del tape[mark + kept :]
        if following is not None:
            tape.append(following)
        began = device.clock(verdict.ended) + verdict.began / 1e9
        seconds = (verdict.ended - verdict.began) / 1e9
        given, positions = (verdict.probabilities, verdict.ranks), proposed + self._passes.behind
        own = verdict.own, verdict.lags
        self._way.tell(Judged(index, proposed, kept, following, *given, positions, began, seconds, *own))
        self._way.judged(tape)

    def unfilled(self, stands: int) -> bool:
        """Tell whether more is to be judged before anything is handed up, and would fit the judge above."""
        return stands < self._enough
