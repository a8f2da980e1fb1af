"""The pace of plain decoding: measured now and then in every reply, pooled by model, device and length. No torch.

A machine's pace wanders from one minute to the next, so a reply's own measurements and those of earlier replies are
weighed against each other by how far each can be trusted, and where they contradict each other nothing is claimed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import exp, hypot, log, log2, sqrt
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from engine.events import WIDEST, Doubt, Pass, PlainPace
from engine.files import replace_file

KEPT = 12  # replies remembered for each length
ENOUGH = 4  # measurements that a comparison rests on at least
SHARE = 0.025  # of a reply's time that measuring may take
FIRST = 10  # plain steps' worth of time before the first measurement of a reply, where the pace is known from others
SCATTER = 0.08  # of single steps, in relative terms, where too few tell: as on a machine shared with others
DRIFT = 0.05  # of whole replies: the least ever assumed
STRANGE = 0.3  # a reply's own steps this far from those of all others: something else was going on
AWAKE = 0.8  # of the clock's time that a thread which computes must have been given
CLIPPED = 1.5  # times the median: a step that took longer was held up, and counts as this
MOST_BYTES = 10_000_000  # of a file of paces worth reading
Known = dict[int, list[tuple[float, int]]]  # length class -> (seconds a step, steps) of each reply


class Pool:
    """What plain steps of one model on one device took, reply by reply, by how long the conversation was."""

    def __init__(self, known: Known | None = None) -> None:
        self.known: Known = known or {}

    def add(self, steps: Sequence[tuple[int, float]]) -> None:
        """Take in the (length, seconds) of one reply's plain steps."""
        classes: dict[int, list[float]] = {}
        for length, seconds in steps:
            classes.setdefault(class_of(length), []).append(seconds)
        for found, taken in classes.items():
            replies = self.known.setdefault(found, [])
            replies.append((typical(taken), len(taken)))
            del replies[:-KEPT]

    def near(self, length: int) -> list[tuple[float, int]]:
        """Return (seconds, steps) of the replies near ``length``: of its class, or also of those beside it."""
        at = class_of(length)
        found = self.known.get(at, [])
        if sum(steps for _, steps in found) >= ENOUGH and len(found) > 1:
            return found
        return [reply for each in (at - 1, at, at + 1) for reply in self.known.get(each, [])]


def class_of(length: int) -> int:
    """Return the class of lengths that are nearly as costly: each reaches 1.4 times as far as the one before."""
    return max(0, int(2 * log2(max(length, 1) / 64)))


def typical(steps: Sequence[float]) -> float:
    """Return the mean of ``steps`` in which none counts for much more than the median."""
    most = CLIPPED * median(steps)
    return fmean(min(step, most) for step in steps)


def estimate(own: Sequence[float], pooled: Sequence[tuple[float, int]]) -> PlainPace | None:
    """Return the pace that ``own`` steps of a reply and those ``pooled`` from others, (seconds, steps), speak for.

    None where there are none. Logarithms throughout: what disturbs a machine multiplies.
    """
    if not own and not pooled:
        return None
    beliefs = [belief for belief in (_from_others(pooled), _from_own(own)) if belief is not None]
    weights = [1 / error**2 for _, error in beliefs]
    centre = sum(weight * at for weight, (at, _) in zip(weights, beliefs, strict=True)) / sum(weights)
    seconds, error = exp(centre), 2 / sqrt(sum(weights))
    doubt: Doubt = ""
    if len(own) + sum(steps for _, steps in pooled) < ENOUGH:
        doubt = "few"
    elif _contradict(beliefs) or error > WIDEST:
        doubt = "uneven"
    return PlainPace(seconds, None if doubt else seconds * error, doubt)


def _from_own(own: Sequence[float]) -> tuple[float, float] | None:
    """Return the logarithm of the pace and its standard error by a reply's own steps."""
    if not own:
        return None
    scatter = stdev(log(step) for step in own) if len(own) > 2 else 0.0
    return log(typical(own)), max(scatter, SCATTER) / sqrt(len(own))


def _from_others(pooled: Sequence[tuple[float, int]]) -> tuple[float, float] | None:
    """Return the same by other replies; its error covers how much replies differ from one another."""
    if not pooled:
        return None
    paces = [log(seconds) for seconds, _ in pooled]
    drift = max(stdev(paces) if len(paces) > 1 else 2 * DRIFT, DRIFT)
    scatter = SCATTER / sqrt(sum(steps for _, steps in pooled))
    return median(paces), hypot(drift, drift / sqrt(len(paces)), scatter)


def _contradict(beliefs: Sequence[tuple[float, float]]) -> bool:
    if len(beliefs) < 2:
        return False
    (a, a_error), (b, b_error) = beliefs
    return abs(a - b) > max(STRANGE, 2 * hypot(a_error, b_error))


class Watch:
    """Measures plain steps in one reply, seldom enough to cost little, and says what they and ``pool`` know.

    ``clock``: the wall's seconds. ``given``: those the thread was given that computes the passes, which tell how busy
    the machine is with something else; None where another device computes.
    """

    def __init__(self, pool: Pool, clock: Callable[[], float], given: Callable[[], float] | None) -> None:
        self._pool, self._clock, self._given = pool, clock, given
        self._steps: list[tuple[int, float]] = []
        self._asked = -1, -1  # what the last pace was asked for: steps known, class of lengths
        self._found: PlainPace | None = None
        self._began = self._given_at = 0.0
        self._awake = self._passed = 0.0  # seconds of rounds: given to the thread, by the clock
        self.paused = 0.0  # seconds spent on measuring
        self._known = 0.0  # seconds of plain steps, measured or part of the reply

    def due(self, length: int, elapsed: float) -> bool:
        """Tell whether a step may be measured now, ``elapsed`` seconds into a reply of ``length`` tokens by now."""
        now = self.pace(length)
        if now is None:
            return True  # nothing is known of this model: one step at once
        if not self._steps:
            return elapsed >= FIRST * now.seconds
        return SHARE * elapsed >= self._known + now.seconds

    def plain(self, passes: Sequence[Pass]) -> float | None:
        """Return the seconds of a round of ``passes`` that was a plain step as it is, None for any other.

        Only where the thread computes itself: elsewhere what is put on its way ahead makes the two differ.
        """
        alone = self._given is not None and [made.tokens for made in passes] == [1]
        return passes[0].seconds if alone else None

    def begin(self) -> None:
        """A round begins."""
        self._began = self._clock()
        self._given_at = self._given() if self._given is not None else 0.0

    def end(self) -> None:
        """That round is over."""
        self._passed += self._clock() - self._began
        self._awake += self._given() - self._given_at if self._given is not None else 0.0

    def add(self, length: int, seconds: float, cost: float = 0.0) -> None:
        """Take in a plain step at ``length``; ``cost``: what measuring it added to the reply, 0 for one of its own."""
        self._steps.append((length, seconds))
        self.paused += cost
        self._known += max(seconds, cost)

    def pace(self, length: int) -> PlainPace | None:
        """Return the pace at ``length`` as far as is known."""
        asked = len(self._steps), class_of(length)
        if asked != self._asked:  # every round asks, few know more than the one before
            self._asked = asked
            self._found = estimate([seconds for _, seconds in self._steps], self._pool.near(length))
        found = self._found
        return found if found is None or not self.busy else PlainPace(found.seconds, None, "busy")

    @property
    def busy(self) -> bool:
        """True when something else had the processor for much of the reply."""
        return self._given is not None and self._passed > 0 and self._awake < AWAKE * self._passed

    def keep(self) -> None:
        """Let other replies know what was measured, unless the machine was busy."""
        if self._steps and not self.busy:
            self._pool.add(self._steps)
        self._steps = []


class Paces:
    """The pools of all models, kept in ``file`` between sessions (None: not kept). A damaged file counts as none."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._pools = {} if file is None else _read(file)

    def of(self, model: str) -> Pool:
        """Return the pool of ``model``, a name for it together with the device and the way it runs there."""
        return self._pools.setdefault(model, Pool())

    def beside(self, name: str) -> Path | None:
        """Return where else something may be kept under this ``name``; None: nowhere."""
        return None if self._file is None else self._file.with_name(name)

    def save(self) -> None:
        """Replace the file; where the disk does not take it, nothing happens."""
        if self._file is None:
            return
        value = {name: pool.known for name, pool in self._pools.items() if pool.known}
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._file, json.dumps(value).encode())


def _read(file: Path) -> dict[str, Pool]:
    try:
        if not file.is_file() or file.stat().st_size > MOST_BYTES:
            return {}
        value: Any = json.loads(file.read_text(encoding="utf-8"))
        return {str(name): Pool(_known(classes)) for name, classes in value.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _known(classes: Any) -> Known:
    """Check what a file says of one model; raises ValueError or TypeError for anything that was not written here."""
    known: Known = {}
    for found, replies in classes.items():
        pairs = [(float(seconds), int(steps)) for seconds, steps in replies][-KEPT:]
        if not all(1e-7 < seconds < 1e5 and 0 < steps < 1e9 for seconds, steps in pairs):
            raise ValueError(f"not a pace: {replies}")
        known[int(found)] = pairs
    return known
