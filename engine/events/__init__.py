"""What a reply tells: frozen events that carry everything the views need. No torch.

A reply yields Loading*, perhaps Notices, Started, Prefill*, then for every round Drafting* and one Round, now and
then a PlainPace, and ends in Finished. Where the engine chooses the chain, a Planned comes before its first round.
Every view of a reply is a function of its Started, Rounds and Finished.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, TypeVar, get_args

from engine import words
from engine.events.levels import LevelInfo as LevelInfo
from engine.events.levels import Planned as Planned
from engine.events.levels import guesses as guesses

T = TypeVar("T")
PassKind = Literal["draft", "verify"]
Reason = Literal["end", "stop", "length", "context"]
Doubt = Literal[
    "", "few", "uneven", "busy"
]  # why nothing is said: few measurements, contradicting ones, a busy machine
DOUBTS: dict[Doubt, str] = {
    "": "",
    "few": "too few of its steps were timed so far",
    "uneven": "its speed varies too much here",
    "busy": "this computer was busy with something else",
}
FEWEST = 40  # tokens of a reply that is compared with plain decoding
WIDEST = 0.3  # of the pace: an error beyond which it is not compared


@dataclass(frozen=True, slots=True)
class Loading:
    """A model is being read: ``part`` says which in words, ``fraction`` is 0 to 1."""

    part: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know about this model, said once a session: ``sentence``.

    What of the conversation was put elsewhere for its template, or which of its makers' settings cannot be used.
    """

    sentence: str


@dataclass(frozen=True, slots=True)
class Started:
    """The reply is about to be computed. ``reused`` of the ``prompt`` tokens were still cached."""

    preset: str
    levels: tuple[LevelInfo, ...]
    lossless: bool
    prompt: int
    reused: int
    context: int  # the most tokens the target can hold
    device: str


@dataclass(frozen=True, slots=True)
class Prefill:
    """``done`` of ``total`` new prompt tokens are in the caches after ``seconds``."""

    done: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Token:
    """One proposed or written token and how far it rose.

    ``level`` wrote it (0 is the bottom); ``reached`` is the highest level that let it stand (its writer's at
    least). ``rejected_by`` is the level that vetoed it. A token with ``reached`` below the top and no
    ``rejected_by`` is still pending, or ``discarded`` because an earlier token of its window was vetoed.
    ``judged`` holds (level, probability) for its writer and every level that looked at it, in that order: the
    probability each gave it after the sampling settings. Beside it, in the same order: ``ranks``, the token's place
    among all tokens by that level's plain logits (1: the likeliest), and ``passes``, the index in the round's passes
    of the one in which that level wrote or judged it. Either may be shorter than ``judged``, or empty: not known.
    ``instead``: what the highest level that judged it would have written, where it kept this token all the same, by a
    rule that is lossy; None where it is its own. ``lag``: by how many nats its plain logits favour that.
    """

    id: int
    text: str
    level: int
    reached: int
    rejected_by: int | None = None
    discarded: bool = False
    judged: tuple[tuple[int, float], ...] = ()
    ranks: tuple[int, ...] = ()
    passes: tuple[int, ...] = ()
    instead: str | None = None
    lag: float = 0.0

    @property
    def ghost(self) -> bool:
        """True when the token is not part of the reply."""
        return self.rejected_by is not None or self.discarded


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass: ``tokens`` positions at ``level``, from ``start`` (seconds into the reply) for ``seconds``."""

    level: int
    kind: PassKind
    tokens: int
    start: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Drafting:
    """The round in progress, ghosts included, in reading order; replaces the Drafting before it."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """One target verification and all that led to it.

    ``tokens``: every token proposed or written, in reading order, a vetoed one and those
    discarded behind it right before what replaced them. The texts of the tokens that are no ghosts join to ``text``,
    but for what is held back while it may begin a stop text. ``start`` and ``seconds`` are on the reply's clock.
    ``plan``: what was planned just before it, so that a log that is kept has it.
    """

    index: int
    tokens: tuple[Token, ...]
    passes: tuple[Pass, ...]
    text: str
    start: float
    seconds: float
    plan: Planned | None = None

    @property
    def settled(self) -> tuple[Token, ...]:
        """The tokens that became part of the reply."""
        return tuple(token for token in self.tokens if not token.ghost)


@dataclass(frozen=True, slots=True)
class Factor:
    """How many times as fast as plain decoding a reply is, give or take ``error`` (19 times in 20)."""

    value: float
    error: float

    def __str__(self) -> str:
        """Say it as it is said everywhere."""
        return f"{words.times(self.value)} (± {max(self.error, 0.1):.1f})"

    def outcome(self, seconds: float) -> str:
        """Say what plain decoding would have taken for a reply of ``seconds``."""
        plain = self.value * seconds
        return f"took {words.seconds(seconds)}, plain would have taken about {words.seconds(plain)}"

    @property
    def slower(self) -> bool:
        """True where it is slower than plain decoding beyond doubt."""
        return self.value + self.error < 1


def compare(tokens: int, seconds: float, passes: int, plain: float | None, error: float | None) -> Factor | None:
    """Return how ``tokens`` in ``seconds`` compare with ``plain`` seconds (± ``error``) for as many; None: not known.

    Nothing is said of a short reply or of a comparison too uncertain to be of use. A reply of ``passes`` of the target
    cannot be faster than it has tokens a pass, since none takes less than plain decoding's; where the measurement says
    otherwise beyond its error, it is not believed.
    """
    if plain is None or error is None or tokens < FEWEST or seconds <= 0 or error > WIDEST * plain:
        return None
    most = tokens / passes if passes else inf
    if (plain - error) / seconds > most:
        return None
    return Factor(min(plain / seconds, most), error / seconds)


def why_uncompared(tokens: int, doubt: Doubt) -> str:
    """Say why a reply of ``tokens`` is not compared with plain decoding; empty where that is not known."""
    return "the answer is too short" if tokens < FEWEST else DOUBTS[doubt]


def figures(
    tokens: int, pace: float | None, factor: Factor | None, *, lossless: bool | None, foreign: int | None = None
) -> tuple[str, ...]:
    """Return what is said of a reply everywhere: tokens, speed, factor, exactness (``lossless`` None: plain).

    ``foreign``: how many of the tokens the target would not have written itself; None: not known.
    """
    parts = [words.tokens(tokens)]
    if pace is not None:
        parts.append(f"{words.pace(pace)} tokens/s")
    if factor is not None:
        parts.append(f"{factor} plain{': slower here' if factor.slower else ''}")
    if lossless is not None:
        count = "" if foreign is None else f": {foreign:,} not the big model’s own"
        parts.append("exact" if lossless else f"lossy{count}")
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class PlainPace:
    """What one token costs this target by plain decoding where this reply is, as far as is known by now.

    ``seconds`` a token, give or take ``error`` (None: too uncertain to compare with), and ``doubt``, the reason then.
    """

    seconds: float
    error: float | None = None
    doubt: Doubt = ""

    def compared(self, tokens: int, seconds: float, passes: int) -> Factor | None:
        """See ``compare``, with this pace."""
        return compare(tokens, seconds, passes, self.seconds * tokens, self.error and self.error * tokens)


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is complete.

    ``seconds`` runs from the first round, without what it took to measure plain decoding; ``plain_seconds`` is what
    plain decoding of as many tokens would have taken, give or take ``plain_error`` (both None: not known, for
    ``doubt``). The rounds' tokens may run past ``text`` by the beginning of a stop text. ``foreign``: how many tokens
    the target would not have written itself behind those before them, and by how many nats in all (``lag``) it favours
    what it would have written; None: not known, as of answers kept by earlier versions.
    """

    text: str
    tokens: int
    seconds: float
    tokens_per_second: float
    reason: Reason
    prefill_seconds: float
    plain_seconds: float | None
    plain_error: float | None = None
    doubt: Doubt = ""
    foreign: int | None = None
    lag: float = 0.0


Event = Loading | Notice | Started | Prefill | Planned | Drafting | Round | PlainPace | Finished


def finished(steps: Generator[object, None, T]) -> T:
    """Run ``steps`` to their end, whatever they tell on the way, and return their result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def to_json(event: Event) -> dict[str, Any]:
    """Return ``event`` as plain JSON values, its type in lower case under ``"event"``."""
    return {"event": type(event).__name__.lower(), **dataclasses.asdict(event)}


def from_json(value: dict[str, Any]) -> Event:
    """Invert ``to_json``; raises KeyError or TypeError for anything it did not write."""
    kinds: dict[str, type[Event]] = {kind.__name__.lower(): kind for kind in get_args(Event)}
    fields = {name: field for name, field in value.items() if name != "event"}
    nested = {"levels": LevelInfo, "passes": Pass, "tokens": Token}
    for name, kind in nested.items():
        if isinstance(fields.get(name), list | tuple):
            fields[name] = tuple(_build(kind, item) for item in fields[name])
    if isinstance(fields.get("plan"), dict):
        fields["plan"] = _planned(fields["plan"])
    if value["event"] == "planned":
        return _planned(fields)
    return kinds[value["event"]](**fields)


def _planned(fields: dict[str, Any]) -> Planned:
    return Planned(**{**fields, "working": tuple(fields["working"])})


def _build(kind: type[LevelInfo] | type[Pass] | type[Token], item: dict[str, Any]) -> LevelInfo | Pass | Token:
    if kind is Token:  # JSON knows no tuples, and tokens kept by earlier versions have no ranks
        known: dict[str, Any] = {name: tuple(item[name]) for name in ("ranks", "passes") if name in item}
        item = {**item, **known, "judged": tuple((level, p) for level, p in item["judged"])}
    return kind(**item)
