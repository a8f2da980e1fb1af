"""What came of a claim and why, in sentences made of what the run measured."""

from __future__ import annotations

from collections.abc import Mapping

from engine.bench.papers.claims import Claim, Paper
from engine.bench.papers.figures import ALL, Making, Part, Ratio
from engine.bench.papers.questions import GROUPS
from engine.bench.papers.running import Place

FLAT = 0.04  # of a step, what each further token adds to the target's pass, up to which verification is called flat
FEW = 0.02  # steps a round that are no difference
READING = 0.1  # by which prompts are read more slowly or faster, in relative terms, before it is said
STACKED = 0.5  # passes a round of a level in the middle: with fewer, what ran was hardly a hierarchy

WHAT: Mapping[Place | None, str] = {
    "guessing": "guessing",
    "sifting": "the level in the middle",
    "deciding": "the target's pass",
    None: "what happens between passes",
}


def verdict(paper: Paper, rows: Mapping[str, Ratio | None], over: str, own: Making) -> str:
    """Say what each claim of ``paper`` comes to: of the mean by the row of all, of the best case by the highest row.

    ``rows``: how many times as fast as ``over``, by category.
    """
    known = {label: ratio for label, ratio in rows.items() if ratio is not None}
    overall = known.get(ALL) or (next(iter(known.values())) if len(rows) == 1 and known else None)
    if overall is None:
        return f"too little was measured to compare it with {over}."
    told = f"{overall} times as fast as {over}."
    middle = own.parts["sifting"].passes if "sifting" in own.parts else 0.0
    if paper.claims and not paper.goal and middle < STACKED:
        return (
            f"{told} A level in the middle runs {middle:.2f} times a round and nothing is guessed in "
            f"{own.unaided:.0%} of them: it chose shorter chains, so this compares no hierarchy and confirms "
            "nothing that was published."
        )
    return " ".join([told, *(_judged(claim, paper.mark, overall, known) for claim in paper.claims)])


def _judged(claim: Claim, mark: str, overall: Ratio, known: Mapping[str, Ratio]) -> str:
    """Say whether ``claim`` holds."""
    found, where = overall, ""
    if claim.kind != "mean":
        single = {label: ratio for label, ratio in known.items() if label not in GROUPS}
        if not single:
            return (
                f"{mark.capitalize()} is {claim}. Whether that holds cannot be told: no category has a figure of its "
                "own. Ask more questions of each (--limit 3), or allow longer answers."
            )
        ranked = sorted(single, key=lambda label: single[label].value, reverse=claim.kind == "best")
        found, where = single[ranked[0]], f" ({ranked[0].replace('_', ' ')}, the {claim.kind} of {len(single)})"
    told = f"{mark.capitalize()} is {claim}, here it is {found}{where}"
    if found.value - found.error >= claim.value:
        return f"{told}: it holds."
    if found.value + found.error < claim.value:
        return f"{told}: it does not hold."
    return f"{told}: too uncertain to tell."


def why(own: Making, other: Making, name: str, over: str) -> str:
    """Say what a round of ``own`` brings and where its time goes, beside one of ``other``."""
    told = [
        f"A round of {name} brings {own.tokens:.2f} tokens and takes {own.steps:.2f} steps of plain decoding, "
        f"one of {over} {other.tokens:.2f} and {other.steps:.2f}: {_more(own.tokens / other.tokens)} tokens for "
        f"{_more(own.steps / other.steps)} time.",
        _largest(own, other),
        _middle(own, other),
        _flatness(own),
        _reading(own, other),
        _drift(own),
    ]
    return " ".join(filter(None, told))


def _more(factor: float) -> str:
    return f"{factor - 1:+.0%}".replace("-", "−")


def _largest(own: Making, other: Making) -> str:
    """Say which part of a round differs most in its time, whatever the others make of the sum."""
    grown = {place: _steps(own, place) - _steps(other, place) for place in WHAT}
    place = max(grown, key=lambda each: abs(grown[each]))
    if abs(grown[place]) < FEW:
        return ""
    return f"The largest difference is {WHAT[place]}: {grown[place]:+.2f} steps a round.".replace("-", "−")


def _steps(made: Making, place: Place | None) -> float:
    if place is None:
        return made.between
    return made.parts[place].steps if place in made.parts else 0.0


def _middle(own: Making, other: Making) -> str:
    """Say what a middle level costs and what it spares the target."""
    part = own.parts.get("sifting")
    if part is None or not part.passes:
        return ""
    told = (
        f"A pass of the middle level costs {_cost(part, own)}, {part.passes:.2f} run a round and take out "
        f"{part.vetoed:.2f} wrong tokens"
    )
    kept, before = own.parts["deciding"].kept, other.parts["deciding"].kept
    if kept is None or before is None:
        return f"{told}."
    return f"{told}; of what the target is handed, {kept:.0%} stands instead of {before:.0%}."


def _cost(part: Part, own: Making) -> str:
    """Say what a pass costs, as a share of the target's."""
    return f"{part.each / own.parts['deciding'].each:.2f} of the target's"


def _reading(own: Making, other: Making) -> str:
    """Say what reading prompts costs, which counts: every model of a chain has to."""
    if abs(own.reading - other.reading) <= READING * other.reading:
        return ""
    return (
        f"Reading a question's prompts takes {own.reading:.1f} steps instead of {other.reading:.1f}, which counts, too."
    )


def _drift(own: Making) -> str:
    if not own.drift.foreign:
        return ""
    return (
        f"It is lossy: {own.drift.share:.1%} of its tokens are not what the target would have written there; over all "
        f"tokens the target's own choices are {own.drift.per_token:.3f} nats a token likelier to it."
    )


def _flatness(own: Making) -> str:
    """Say what the target's pass over a window costs, and so whether sorting guesses out earlier can save any of it."""
    target = own.parts["deciding"]
    if target.width < 1.5:
        return ""
    more = max(target.each - 1, 0.0) / (target.width - 1)
    cost = f"The target's pass over {target.width:.1f} tokens costs {target.each:.2f} steps, {more:.2f} more a token"
    if more > FLAT:
        return f"{cost}, so a wrong guess that reaches it is paid for."
    spared = "; a level that sorts it out before has little to save" if "sifting" in own.parts else ""
    return f"{cost}: verification is flat, and a wrong guess that reaches it costs next to nothing{spared}."
