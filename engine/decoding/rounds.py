"""Folds what drafters and verifiers report into the tokens and passes of one round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.decoding.facts import Drafted, Fact, Judged
from engine.events import Pass, PassKind, Token


@dataclass(slots=True)
class _Entry:
    id: int
    level: int
    reached: int
    rejected_by: int | None = None
    discarded: bool = False
    judged: list[tuple[int, float]] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    own: int | None = None  # what the highest judge so far would have written instead, where it kept this all the same
    lag: float = 0.0
    told: tuple[int, Token] | None = None  # the id before it, and what was told of it; None: there is news

    @property
    def ghost(self) -> bool:
        return self.rejected_by is not None or self.discarded

    def token(self, text: str, instead: str | None) -> Token:
        """Return it as it is told, with its ``text`` and that of what would have been written ``instead``."""
        fate = self.reached, self.rejected_by, self.discarded
        given = tuple(self.judged), tuple(self.ranks), tuple(self.passes)
        return Token(self.id, text, self.level, *fate, *given, instead, 0.0 if instead is None else self.lag)


class RoundLog:
    """The round in progress. Replays the recursion's stack: a verdict always concerns the last standing tokens."""

    def __init__(self, epoch: float) -> None:
        """``epoch``: the wall-clock second that passes count their start from."""
        self._epoch = epoch
        self._entries: list[_Entry] = []
        self.passes: list[Pass] = []

    def add(self, fact: Fact) -> None:
        """Take in one pass."""
        kind: PassKind = "draft" if isinstance(fact, Drafted) else "verify"
        start = fact.began - self._epoch
        self.passes.append(Pass(fact.level, kind, fact.positions, start, fact.seconds))
        if isinstance(fact, Drafted):
            for i, token in enumerate(fact.tokens):
                self._write(token, fact, i)
        else:
            self._judge(fact)

    def _judge(self, fact: Judged) -> None:
        standing = [entry for entry in self._entries if not entry.ghost]
        window = standing[len(standing) - fact.proposed :]
        for i, entry in enumerate(window):
            self._note(entry, fact, i)
            if i < fact.kept:
                entry.reached = fact.level
                differs = bool(fact.own) and fact.own[i] != entry.id
                entry.own, entry.lag = (fact.own[i], fact.lags[i]) if differs else (None, 0.0)
            elif i == fact.kept:
                entry.rejected_by = fact.level
            else:
                entry.discarded = True
        if fact.following is not None:
            self._write(fact.following, fact, fact.proposed)

    def _write(self, token: int, fact: Fact, i: int) -> None:
        self._entries.append(_Entry(token, fact.level, fact.level))
        self._note(self._entries[-1], fact, i)

    def _note(self, entry: _Entry, fact: Fact, i: int) -> None:
        """Note what the newest pass gave ``entry``, the ``i``-th token that ``fact`` speaks of."""
        entry.told = None
        entry.judged.append((fact.level, fact.probabilities[i]))
        entry.ranks.append(fact.ranks[i])
        entry.passes.append(len(self.passes) - 1)

    @property
    def standing(self) -> list[int]:
        """The ids that stand so far."""
        return [entry.id for entry in self._entries if not entry.ghost]

    def tokens(
        self, text_of: Callable[[int, int], str], previous: int, texts: list[str] | None = None
    ) -> tuple[Token, ...]:
        """Return the tokens in reading order; those of which there is no news are not made again.

        ``text_of(previous id, id)`` gives a token's text, ``previous`` is the id before the round. ``texts`` replaces
        the texts of the standing tokens, and standing tokens beyond its end are left out (a reply cut at its limit).
        """
        found: list[Token] = []
        stood = 0
        for entry in self._entries:
            if texts is not None and not entry.ghost and stood == len(texts):
                break
            if texts is None and entry.told is not None and entry.told[0] == previous:
                found.append(entry.told[1])
            else:
                own = None if entry.ghost else entry.own
                text = text_of(previous, entry.id) if texts is None or entry.ghost else texts[stood]
                found.append(entry.token(text, None if own is None else text_of(previous, own)))
                entry.told = (previous, found[-1]) if texts is None else None
            if not entry.ghost:
                previous, stood = entry.id, stood + 1
        return tuple(found)
