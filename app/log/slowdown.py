"""Explains why speculation was slower than plain decoding, by the cause that cost the most time. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.log.captions import captions_of
from engine.config import source_kind
from engine.tally import LevelTally, Tally

Cause = Literal["rejections", "drafting", "verifying", "overhead"]
ENOUGH = 8  # rounds before anything is said
CLOSE = 0.8  # of the first cause, from which the second is named, too
SELDOM = 0.25  # of the target's passes, below which a lookup counts as having had nothing to do


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause and the ``seconds`` it cost; for rejections, ``level`` is the one that kept the least."""

    cause: Cause
    seconds: float
    level: LevelTally | None = None


def findings(tally: Tally) -> list[Finding]:
    """Return what cost time compared with plain decoding, the largest first; empty for plain decoding itself.

    rejections: had every proposal stood, the same passes would have written more tokens. drafting: the passes of the
    levels below the target. verifying: what the target's passes cost beyond a plain step each, at the
    slowest that was measured. overhead: the time between passes.
    """
    if tally.factor is None or not tally.tokens or not tally.seconds:
        return []
    target = tally.levels[-1]
    drafter = tally.levels[0]
    slowest = (tally.factor.value + tally.factor.error) * tally.seconds / tally.tokens
    lost = drafter.written - drafter.kept
    spared = tally.seconds * lost / (tally.tokens + lost)
    judges = [level for level in tally.levels[1:] if level.rate is not None]
    worst = min(judges, key=lambda level: level.rate or 0.0, default=None)
    found = [
        Finding("rejections", spared, worst),
        Finding("drafting", sum(level.seconds for level in tally.levels[:-1])),
        Finding("verifying", max(target.seconds - target.passes * slowest, 0.0)),
        Finding("overhead", tally.between),
    ]
    return sorted(found, key=lambda finding: -finding.seconds)


def reason(tally: Tally, *, technical: bool) -> str:
    """Say in a sentence why this answer is slower than plain decoding; nothing where it is not or it is too early.

    Two causes are named where the second cost nearly as much as the first.
    """
    if tally.factor is None or not tally.factor.slower or tally.rounds < ENOUGH:
        return ""
    nouns = [caption.noun for caption in captions_of([level.info for level in tally.levels], technical=technical)]
    if idle := _idle(tally, nouns[0]):
        return _sentence(idle)
    first, second, *_ = findings(tally)
    clauses = [_clause(tally, first, nouns)]
    if second.seconds >= CLOSE * first.seconds:
        clauses.append(_clause(tally, second, nouns))
    return _sentence(", and ".join(clauses))


def _idle(tally: Tally, noun: str) -> str:
    """Say that a lookup mostly had nothing to copy; nothing where it had, or where a model drafts."""
    lookup, target = tally.levels[0], tally.levels[-1]
    if source_kind(lookup.info.kind).passes or lookup.passes > SELDOM * target.passes:
        return ""
    if not lookup.passes:
        return f"{noun} found nothing in the chat to copy, so there was nothing to gain"
    often = f"{lookup.passes:,} of {target.passes:,} passes"
    return f"{noun} found something to copy for only {often}, so there was little to gain"


def _clause(tally: Tally, finding: Finding, nouns: Sequence[str]) -> str:
    target, share = tally.levels[-1], finding.seconds / tally.seconds
    if finding.cause == "rejections" and finding.level is not None:
        return f"{nouns[tally.levels.index(finding.level)]} keeps only {finding.level.rate:.0%} of the guesses"
    if finding.cause == "drafting":
        work = "guessing and checking" if len(nouns) > 2 else "guessing"
        return f"{work} below {nouns[-1]} takes {share:.0%} of the time, too much for what it saves"
    if finding.cause == "verifying" and tally.factor is not None and target.per_pass is not None:
        times = target.per_pass / 1000 / (tally.factor.value * tally.seconds / tally.tokens)
        return f"a pass of {nouns[-1]} over several tokens took about {times:.1f}× as long as one over a single token"
    return f"{share:.0%} of the time goes between the passes: choosing tokens and bookkeeping, not the models"


def _sentence(said: str) -> str:
    return f"{said[0].upper()}{said[1:]}."
