"""Counts an answer from its events: what each level proposed, what was kept, what it cost.

The window, the terminal and the benchmark take their figures from here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine import words
from engine.events import (
    Doubt,
    Event,
    Factor,
    Finished,
    LevelInfo,
    PlainPace,
    Planned,
    Prefill,
    Round,
    Started,
    Token,
    compare,
)

RECENT = 1.0  # seconds of the reply's clock that "now" looks back on


@dataclass(frozen=True, slots=True)
class Drift:
    """How far an answer has left what its target would have written, token by token behind those before.

    ``foreign`` of its ``tokens`` are others than the target's own, which it favours by ``lag`` nats in all. Since all
    levels share their random numbers, ``share`` is about how far the laws lie apart, and ``per_token`` an estimate of
    how much more the answer surprises the target than an answer of its own would.
    """

    tokens: int
    foreign: int
    lag: float

    @property
    def share(self) -> float:
        """The part of the tokens that is not the target's own."""
        return self.foreign / self.tokens if self.tokens else 0.0

    @property
    def per_token(self) -> float:
        """Nats a token, over all of them."""
        return self.lag / self.tokens if self.tokens else 0.0


@dataclass(slots=True)
class LevelTally:
    """One level's share of an answer.

    ``offered``: tokens handed up to it by the levels below, those dropped behind a veto included; ``judged``: how
    many of them it looked at; ``stood``: how many it let stand. ``written``: tokens of its own; ``kept``: those of
    them that are in the answer.
    """

    info: LevelInfo
    passes: int = 0
    seconds: float = 0.0
    offered: int = 0
    judged: int = 0
    stood: int = 0
    written: int = 0
    kept: int = 0

    @property
    def per_pass(self) -> float | None:
        """Mean milliseconds of a pass."""
        return 1000 * self.seconds / self.passes if self.passes else None

    @property
    def rate(self) -> float | None:
        """Share of what it was offered that it let stand; for the bottom level, share of its own that was kept."""
        good, all_ = (self.stood, self.offered) if self.offered else (self.kept, self.written)
        return good / all_ if all_ else None


@dataclass(slots=True)
class PlanTally:
    """What came of a chain that the engine chose: ``tokens`` in ``seconds`` of rounds while it was at work."""

    plan: Planned
    tokens: int = 0
    seconds: float = 0.0

    @property
    def pace(self) -> float | None:
        """Tokens a second; None before there were any."""
        return self.tokens / self.seconds if self.tokens and self.seconds else None

    @property
    def outcome(self) -> str:
        """Say what was expected of it and what came."""
        came = "" if self.pace is None else f", came {words.pace(self.pace)} tokens/s"
        if self.plan.pace is None:
            return f"nothing was known beforehand{came}"
        factor = "" if self.plan.expected is None else f" ({self.plan.expected:.1f}× plain)"
        return f"expected {words.pace(self.plan.pace)} tokens/s{factor}{came}"


class Tally:
    """Counts an answer as its events arrive. ``pace``: what plain decoding costs, as was known before it."""

    def __init__(self, pace: PlainPace | None = None) -> None:
        self.pace = pace
        self.started: Started | None = None
        self.prefill: Prefill | None = None
        self.finished: Finished | None = None
        self.levels: list[LevelTally] = []  # bottom first
        self.plans: list[PlanTally] = []  # of the chains the engine chose, one after the other
        self.tokens = 0
        self.rounds = 0
        self.seconds = 0.0  # of all rounds
        self._lags: list[float] = []  # of the tokens that are not the target's own
        self._recent: deque[tuple[float, float, int]] = deque()  # end, duration, tokens of late rounds

    def add(self, events: Iterable[Event]) -> None:
        """Count ``events``, which continue those counted before."""
        for event in events:
            match event:
                case Started():
                    self.started = event
                    self.levels, self.plans = [LevelTally(info) for info in event.levels], []
                case Planned():
                    self._plan(event)
                case Prefill():
                    self.prefill = event
                case Round():
                    self._add_round(event)
                case PlainPace():
                    self.pace = event
                case Finished():
                    self.finished = event
                    self.tokens = event.tokens

    def _add_round(self, round_: Round) -> None:
        if round_.plan is not None:
            self._plan(round_.plan)
        settled = len(round_.settled)
        end = round_.start + round_.seconds
        self.rounds += 1
        self.tokens += settled
        self.seconds += round_.seconds
        if self.plans:
            self.plans[-1].tokens += settled
            self.plans[-1].seconds += round_.seconds
        self._recent.append((end, round_.seconds, settled))
        while len(self._recent) > 1 and self._recent[0][0] < end - RECENT:
            self._recent.popleft()
        for pass_ in round_.passes:
            level = self.levels[pass_.level]
            level.passes += 1
            level.seconds += pass_.seconds
        for token in round_.tokens:
            self._add_token(token)

    def _add_token(self, token: Token) -> None:
        own = self.levels[token.level]
        own.written += 1
        own.kept += not token.ghost
        if token.instead is not None and not token.ghost:
            self._lags.append(token.lag)
        above_it = [level for level in self._working if level > token.level]
        last = next((level for level in above_it if level > token.reached), self._top)
        for above in (level for level in above_it if level <= last):
            self.levels[above].offered += 1
            self.levels[above].stood += token.reached >= above
        for judge, _ in token.judged[1:]:
            self.levels[judge].judged += 1

    def _plan(self, plan: Planned) -> None:
        """Begin to count for ``plan``, which is told before its first round and with it."""
        if not self.plans or self.plans[-1].plan != plan:
            self.plans.append(PlanTally(plan))

    @property
    def _working(self) -> Sequence[int]:
        """The levels at work, bottom first: all, unless the engine chose some."""
        return self.plans[-1].plan.working if self.plans else range(len(self.levels))

    @property
    def _top(self) -> int:
        return len(self.levels) - 1

    @property
    def plain(self) -> bool:
        """True when a single level answers: nothing is speculated."""
        return len(self.levels) == 1

    @property
    def drift(self) -> Drift | None:
        """How far an answer of a lossy method has left its target; None of an exact one, or where it is not known."""
        if self.started is None or self.started.lossless:
            return None
        if self.finished is None:
            return Drift(self.tokens, len(self._lags), sum(self._lags))
        end = self.finished
        return None if end.foreign is None else Drift(end.tokens, end.foreign, end.lag)

    @property
    def average(self) -> float | None:
        """Tokens per second over the whole answer."""
        if self.finished is not None:
            return self.finished.tokens_per_second or None
        return self.tokens / self.seconds if self.seconds else None

    @property
    def now(self) -> float | None:
        """Tokens per second over the last second of decoding."""
        seconds = sum(duration for _, duration, _ in self._recent)
        return sum(tokens for *_, tokens in self._recent) / seconds if seconds else None

    @property
    def factor(self) -> Factor | None:
        """How many times faster than plain decoding this answer is; None where that is not known well enough."""
        if self.plain or not self.levels:
            return None
        passes = self.levels[-1].passes
        if self.finished is not None:
            end = self.finished
            return compare(end.tokens, end.seconds, passes, end.plain_seconds, end.plain_error)
        return None if self.pace is None else self.pace.compared(self.tokens, self.seconds, passes)

    @property
    def doubt(self) -> Doubt:
        """Why there is no factor, where more than the answer's length stands against it."""
        if self.finished is not None:
            return self.finished.doubt
        return "few" if self.pace is None else self.pace.doubt

    @property
    def between(self) -> float:
        """Seconds of the rounds that no pass accounts for: sampling, acceptance, bookkeeping."""
        return max(self.seconds - sum(level.seconds for level in self.levels), 0.0)
