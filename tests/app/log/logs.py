"""Logs of replies small enough to know by heart."""

from __future__ import annotations

from dataclasses import replace

from app.log.ledger import Ledger
from engine.events import Event, Pass, Round, Started, Token
from tests.app.scripted import LEVELS

STARTED = Started("hispec", LEVELS, True, 9, 0, 1024, "CPU")


def judged(text: str, level: int, reached: int, *chances: float, **more: object) -> Token:
    """Return a token that ``level`` and the levels above gave ``chances``, as the first version kept it."""
    told = tuple((level + i, p) for i, p in enumerate(chances))
    return Token(0, text, level, reached, judged=told, **more)  # type: ignore[arg-type]


# Draft proposes "a b", the middle vetoes "b" for "c"; draft proposes "d e", the middle adds "f"; the target vetoes "d".
TOKENS = (
    judged("Once", 0, 2, 0.9, 0.8, 0.7),
    judged(" there", 0, 0, 0.6, 0.1, rejected_by=1),
    judged(" upon", 1, 2, 0.7, 0.9),
    judged(" day", 0, 1, 0.5, 0.6, 0.004, rejected_by=2),
    judged(" after", 0, 1, 0.5, 0.6, 0.3, discarded=True),
    judged(" all", 1, 1, 0.4, 0.2, discarded=True),
    judged(" a", 2, 2, 0.9996),
)
# The same with what newer logs hold: the ranks, and the passes below that the token was in.
_RANKS = ((1, 1, 2), (1, 3), (1, 1), (1, 1, 40), (1, 2, 2), (1, 4), (1,))
_PLACES = ((0, 2, 6), (1, 2), (2, 6), (3, 5, 6), (4, 5, 6), (5, 6), (6,))
TOLD = tuple(
    replace(token, ranks=ranks, passes=passes) for token, ranks, passes in zip(TOKENS, _RANKS, _PLACES, strict=True)
)
PASSES = (
    Pass(0, "draft", 1, 0.000, 0.002),
    Pass(0, "draft", 1, 0.002, 0.002),
    Pass(1, "verify", 2, 0.004, 0.004),
    Pass(0, "draft", 1, 0.008, 0.002),
    Pass(0, "draft", 1, 0.010, 0.002),
    Pass(1, "verify", 2, 0.012, 0.004),
    Pass(2, "verify", 6, 0.016, 0.014),
)


def round_(index: int = 0, tokens: tuple[Token, ...] = TOKENS) -> Round:
    """Return the round above as the one of number ``index``."""
    start = 0.032 * index
    passes = tuple(Pass(p.level, p.kind, p.tokens, start + p.start, p.seconds) for p in PASSES)
    return Round(index, tokens, passes, "Once upon a", start, 0.032)


def events(rounds: int = 1, tokens: tuple[Token, ...] = TOKENS) -> list[Event]:
    """Return a reply of ``rounds`` such rounds, unfinished."""
    return [STARTED, *(round_(index, tokens) for index in range(rounds))]


def ledger(rounds: int = 1, tokens: tuple[Token, ...] = TOKENS) -> Ledger:
    """Return the log of such a reply."""
    made = Ledger()
    made.add(events(rounds, tokens))
    return made
