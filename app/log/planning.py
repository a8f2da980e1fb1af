"""Says which chain the engine chose for an answer, why, and what came of it. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.log.captions import captions_of
from engine import words
from engine.events import LevelInfo, Planned, guesses
from engine.tally import PlanTally, Tally


@dataclass(frozen=True, slots=True)
class Plan:
    """The last choice for an answer: the ``chain``, the ``reason`` for it and what ``came`` of it.

    ``before``: what was at work before; empty where the answer began with it.
    """

    chain: str
    reason: str
    came: str
    before: str

    def __str__(self) -> str:
        """Say all of it."""
        return " ".join(part for part in (f"{self.chain}.", self.reason, self.came, self.before) if part)


def plan_of(tally: Tally, *, technical: bool) -> Plan | None:
    """Return what is to be said of the chain at work last, in ``technical`` words or plain ones; None: none was chosen.

    Chains that were given up before they wrote anything are left out.
    """
    if not tally.plans:
        return None
    levels, last = [level.info for level in tally.levels], tally.plans[-1]
    earlier = [each for each in tally.plans[:-1] if each.tokens]
    before = "" if not earlier else _before(earlier[-1], levels, last.plan.token, technical=technical)
    came = last.outcome
    return Plan(
        chain_of(last.plan, levels, technical=technical), last.plan.reason, f"{came[:1].upper()}{came[1:]}.", before
    )


def chain_of(plan: Planned, levels: list[LevelInfo], *, technical: bool) -> str:
    """Return the chain of ``plan`` among ``levels``: "Copier, else guesser → big model", or in ``technical`` words."""
    if technical:
        return plan.chain
    if plan.guessing:  # one that judges in another chain may guess in this one
        works = {at: place < plan.guessing for place, at in enumerate(plan.working)}
        levels = [replace(info, guesses=works.get(at, info.guesses)) for at, info in enumerate(levels)]
    names = [caption.name for caption in captions_of(levels, technical=False)]
    guessers = [names[at] for at in plan.working if guesses(levels, at)]
    others = [names[at] for at in plan.working if not guesses(levels, at)]
    chain = " → ".join(part for part in (", else ".join(guessers), *others) if part)
    return f"{chain[:1]}{chain[1:].lower()}"


def _before(earlier: PlanTally, levels: list[LevelInfo], token: int, *, technical: bool) -> str:
    chain = chain_of(earlier.plan, levels, technical=technical)
    pace = "" if earlier.pace is None else f", {words.pace(earlier.pace)} tokens/s"
    return f"From token {token + 1:,} on; before it {chain}{pace}."
