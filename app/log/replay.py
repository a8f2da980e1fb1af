"""Rebuilds any moment of a reply from its log, for replaying it. No engine, no Qt."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from app.log.ledger import Ledger
from engine.events import LevelInfo, Round, Token
from engine.tally import Tally

Strip = tuple[Sequence[Round], Sequence[LevelInfo]]  # the rounds of one reply and its levels, bottom first


class Played(Protocol):
    """What can be played: it lasts ``length`` seconds and stands at one of them."""

    @property
    def seconds(self) -> float:
        """Where it stands."""

    @property
    def length(self) -> float:
        """How long it lasts."""

    @property
    def over(self) -> bool:
        """True at the end."""

    @property
    def place(self) -> str:
        """Where it stands, in words, the seconds apart."""

    @property
    def strips(self) -> tuple[Strip, ...]:
        """What there is to go through, reply by reply."""

    def go(self, seconds: float) -> bool:
        """Go to that moment; returns whether the text written last had to be shortened."""

    def step(self, by: int) -> bool:
        """Go a round on or back; see ``go``."""


class Replay:
    """Holds ``ledger`` and ``tally`` as they were ``seconds`` after the first round of a complete reply began.

    They start empty and never share anything with the reply's own, ``whole`` and ``counted``. ``by_pass``: the log says
    which pass each token is from, so that a round comes to be pass by pass; the first version kept only whole rounds.
    """

    def __init__(self, whole: Ledger, counted: Tally) -> None:
        self._rounds, self._counted = tuple(whole.rounds), counted
        self._ends = [round_.start + round_.seconds for round_ in self._rounds]
        self.by_pass = any(token.passes for round_ in self._rounds for token in round_.tokens)
        self.seconds = 0.0
        self.ledger, self.tally = Ledger(), Tally()
        if counted.started is not None:
            self.ledger.add([counted.started])
        self._count_anew()

    @property
    def length(self) -> float:
        """Seconds from the beginning of the first round to the end of the last one."""
        return self._ends[-1] if self._ends else 0.0

    @property
    def place(self) -> str:
        """The round it stands in, in words."""
        known = "" if self.by_pass else " · kept round by round"
        return f"round {len(self.ledger.rounds):,} of {len(self._rounds):,}{known}"

    @property
    def strips(self) -> tuple[Strip, ...]:
        """Every round of the reply, and its levels."""
        return ((self._rounds, self.ledger.levels),)

    @property
    def ends(self) -> Sequence[float]:
        """When each round was over."""
        return self._ends

    @property
    def over(self) -> bool:
        """True at the end."""
        return self.seconds >= self.length

    def go(self, seconds: float) -> bool:
        """Go to that moment, the nearest one there is; returns whether the text written last had to be shortened."""
        self.seconds = min(max(seconds, 0.0), self.length)
        done = bisect_right(self._ends, self.seconds)
        if done < len(self.ledger.rounds):
            self.ledger.rewind(done)
            self._count_anew()
        fresh = self._rounds[len(self.ledger.rounds) : done]
        self.ledger.add(fresh)
        self.tally.add(fresh)
        self.ledger.pending = () if done == len(self._rounds) else tuple(standing(self._rounds[done], self.seconds))
        finished = self._counted.finished
        if not self.over or finished is None or self.tally.finished is not None:
            return False
        self.tally.add([finished])
        return self.ledger.add([finished])

    def step(self, by: int) -> bool:
        """Go ``by`` rounds on or back, from within a round first to its end or its beginning; see ``go``."""
        done = bisect_right(self._ends, self.seconds)
        within = done < len(self._ends) and self.seconds > (self._ends[done - 1] if done else 0.0)
        goal = done + by + (within and by < 0)
        return self.go(self._ends[min(goal, len(self._ends)) - 1] if goal > 0 else 0.0)

    def _count_anew(self) -> None:
        self.tally = Tally(self._counted.pace)
        known = (self._counted.started, self._counted.pace)
        self.tally.add([event for event in known if event is not None])
        self.tally.add(self.ledger.rounds)


def standing(round_: Round, seconds: float) -> Iterator[Token]:
    """Yield the tokens of ``round_`` as the passes completed by ``seconds`` had left them, in reading order."""
    over = [pass_.start + pass_.seconds <= seconds for pass_ in round_.passes]
    for token in round_.tokens:
        count = sum(over[number] for number in token.passes)
        if count and count == len(token.passes):
            yield token
        elif count:  # all of its judges but the last kept it
            told = {name: getattr(token, name)[:count] for name in ("judged", "ranks", "passes")}
            yield replace(token, reached=token.judged[count - 1][0], rejected_by=None, discarded=False, **told)
