"""How far a course is, folded from what its process tells. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from app.models.teaching.order import Order
from engine.teaching.protocol import Ended, Failed, Held, News, Said, Stopped, Told

Phase = Literal["beginning", "writing", "learning", "trying", "stopping", "stopped", "ended", "failed"]
OVER: frozenset[Phase] = frozenset({"stopped", "ended", "failed"})
TRYING = "trying"
NO_ROOM = "memory"  # the kind of failure
RISING = 0.005  # by so much more of the guesses are kept than a look before, for a curve that still rises
LOST = Failed("Teaching ended because of an unexpected fault.", "Go on picks it up from what was written last.")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at what was held out: after how many ``minutes``, how often each guess is kept, and what that is worth.

    ``worth``: times as fast as plain decoding.
    """

    minutes: float
    agreement: tuple[float, ...]
    worth: float


@dataclass(frozen=True, slots=True)
class Progress:
    """One course as it stands.

    ``said``: the step at hand; ``remark``: what is true of the whole course. ``waits``: work rests, as ``paused`` by
    the person or ``yields`` to an answer. ``tokens`` of replies, ``pace`` of them a second.
    """

    order: Order
    phase: Phase = "beginning"
    said: str = ""
    remark: str = ""
    done: float = 0.0
    tokens: int = 0
    pace: float = 0.0
    looks: tuple[Look, ...] = ()
    waits: bool = False
    paused: bool = False
    yields: bool = False
    silent: bool = False
    ended: Ended | None = None
    failure: Failed | None = None

    @property
    def over(self) -> bool:
        """True once nothing more is heard of it."""
        return self.phase in OVER

    @property
    def minutes(self) -> float:
        """For how long it has worked."""
        return self.done * self.order.minutes

    @property
    def rising(self) -> bool:
        """Tell whether the last look found more than the one before."""
        if len(self.looks) < 2:
            return False
        before, now = (sum(look.agreement) / len(look.agreement) for look in self.looks[-2:])
        return now - before > RISING

    def after(self, told: Told) -> Progress:
        """Return how it stands once ``told`` was told."""
        match told:
            case News():
                return self._after_news(told)
            case Said():
                return self._after_line(told)
            case Held(waits):
                return replace(self, waits=waits)
            case Stopped():
                return replace(self, phase="stopped", waits=False)
            case Ended():
                return replace(self, phase="ended", ended=told, done=1.0, waits=False)
            case Failed():
                return replace(self, phase="failed", failure=told, waits=False)

    def lost(self, complaint: str) -> Progress:
        """Return how it stands once its process is gone, with what it complained of last."""
        if self.over:
            return self
        if self.phase == "stopping":
            return replace(self, phase="stopped")
        said = f"{LOST.hint} It said: {complaint}" if complaint else LOST.hint
        return replace(self, phase="failed", failure=replace(LOST, hint=said), waits=False)

    def _after_line(self, said: Said) -> Progress:
        if said.stays:
            return replace(self, remark=said.line)
        trying = said.line.startswith(TRYING)
        phase: Phase = "trying" if trying and self.phase != "stopping" else self.phase
        return replace(self, phase=phase, said=said.line, done=1.0 if trying else self.done)

    def _after_news(self, news: News) -> Progress:
        phase: Phase = "writing" if news.doing == "writing" else "learning"
        if self.phase == "stopping":
            phase = "stopping"
        minutes = news.done * self.order.minutes
        looks = tuple(look for look in self.looks if look.minutes <= minutes)  # killed, it goes on a little before
        known = looks[-1].agreement if looks else ()
        if news.agreement and news.agreement != known:
            looks = (*looks, Look(minutes, news.agreement, news.worth or 1.0))
        pace = news.pace or self.pace
        return replace(self, phase=phase, said="", done=news.done, tokens=news.tokens, pace=pace, looks=looks)
