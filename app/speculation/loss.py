"""Why speculation did not pay: which single cause, had it not been there, would have saved the most time. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.speculation.tally import LevelTally, Tally

Cause = Literal["rejections", "drafting", "verifying", "overhead"]
ENOUGH = 8  # rounds before anything is said


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause and the ``seconds`` it cost; ``level`` is the one that let the least stand, for rejections."""

    cause: Cause
    seconds: float
    level: LevelTally | None = None


def findings(tally: Tally) -> list[Finding]:
    """Return what cost time in comparison with plain decoding, the dearest first; empty for plain decoding.

    rejections: had every proposal stood, the same passes would have written more tokens. drafting: the passes of the
    levels below the target. verifying: what the target's passes cost beyond a plain step each. overhead: the time
    between passes.
    """
    if tally.plain or tally.pace is None or not tally.tokens or not tally.seconds:
        return []
    target = tally.levels[-1]
    drafter = tally.levels[0]
    lost = drafter.written - drafter.kept
    spared = tally.seconds * lost / (tally.tokens + lost)
    judges = [level for level in tally.levels[1:] if level.rate is not None]
    worst = min(judges, key=lambda level: level.rate or 0.0, default=None)
    found = [
        Finding("rejections", spared, worst),
        Finding("drafting", sum(level.seconds for level in tally.levels[:-1])),
        Finding("verifying", max(target.seconds - target.passes * tally.pace, 0.0)),
        Finding("overhead", tally.between),
    ]
    return sorted(found, key=lambda finding: -finding.seconds)


def reason(tally: Tally) -> str:
    """Say in a sentence why this answer is slower than plain decoding; nothing where it is not or it is too early."""
    if tally.factor is None or round(tally.factor, 1) >= 1 or tally.rounds < ENOUGH:
        return ""
    finding = findings(tally)[0]
    share = finding.seconds / tally.seconds
    target = tally.levels[-1]
    if finding.cause == "rejections" and finding.level is not None:
        return f"{finding.level.info.title} lets only {finding.level.rate:.0%} of the proposals stand."
    if finding.cause == "drafting":
        return f"The levels below {target.info.title} take {share:.0%} of the time: too slow for what they save."
    if finding.cause == "verifying" and tally.pace and target.per_pass is not None:
        times = target.per_pass / 1000 / tally.pace
        return f"A pass of {target.info.title} over several tokens costs {times:.1f}× a plain step on this computer."
    return f"{share:.0%} of the time goes between the passes: sampling and bookkeeping, not the models."
