"""Ratios with their errors, withheld where they rest on too little, and what a round of a way is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.bench.papers.questions import GROUPS
from engine.bench.papers.running import PLAIN, Answer, Levels, Place, Run, Share, Way, mean_pace
from engine.bench.report import error_of_ratio
from engine.events import FEWEST, WIDEST
from engine.tally import Drift

WITHHELD = f"-: fewer than two questions or {FEWEST} tokens, or an error beyond {WIDEST:.0%}"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast one way is as another, give or take ``error`` (19 times in 20)."""

    value: float
    error: float

    def __str__(self) -> str:
        """Say it as tables do."""
        return f"{self.value:.2f} ± {self.error:.2f}"


def ratio(answers: Sequence[Answer], others: Sequence[Answer]) -> Ratio | None:
    """Return the ratio of both means, as Spec-Bench defines it, over the same questions; None: withheld."""
    turns, theirs = [answer.turn for answer in answers], [answer.turn for answer in others]
    if len(turns) < 2 or min(sum(tokens for tokens, _ in each) for each in (turns, theirs)) < FEWEST:
        return None
    found = Ratio(mean_pace(turns) / mean_pace(theirs), error_of_ratio(turns, theirs, mean_pace))
    return found if found.error <= WIDEST * found.value else None


def groups(run: Run) -> dict[str, frozenset[str]]:
    """Return what is told of together: each category that was asked, then MT-bench's, then all."""
    asked = list(dict.fromkeys(answer.category for answer in next(iter(run.answers.values()))))
    found = {category: frozenset({category}) for category in asked}
    for name, members in GROUPS.items():
        if len(inside := frozenset(members) & frozenset(asked)) > 1:
            found[name] = inside
    return found


def within(answers: Sequence[Answer], categories: Collection[str] | None) -> tuple[Answer, ...]:
    """Return the answers to questions of ``categories``; None: of all."""
    return tuple(answer for answer in answers if categories is None or answer.category in categories)


@dataclass(frozen=True, slots=True)
class Part:
    """What the levels of one place do in a round: ``passes``, ``steps`` in all, tokens ``vetoed``.

    ``width``: positions of a pass; ``kept``: the share of what they are handed that stands there, None for the lowest.
    """

    passes: float
    steps: float
    width: float
    vetoed: float
    kept: float | None

    @property
    def each(self) -> float:
        """Steps of one pass."""
        return self.steps / self.passes if self.passes else 0.0


@dataclass(frozen=True, slots=True)
class Making:
    """What a round of a way comes to in the mean. Times are in steps of plain decoding, each a token, of the same run.

    ``pace``: tokens a second as Spec-Bench has it; ``unaided``: the share of rounds in which nothing was guessed;
    ``equal``: that of questions with plain decoding's very text; ``drift``: how far tokens are not the target's own;
    ``reading``: the steps of plain decoding that reading a question's prompts takes.
    """

    pace: float
    tokens: float
    steps: float
    parts: Mapping[Place, Part]
    unaided: float
    equal: float
    drift: Drift
    reading: float = 0.0

    @property
    def between(self) -> float:
        """Steps of a round in which no pass ran."""
        return max(self.steps - sum(part.steps for part in self.parts.values()), 0.0)


def making(run: Run, sampling: str, way: Way) -> Making:
    """Return what a round of ``way`` comes to over all questions."""
    answers, plain = run.answers[sampling, way], run.answers[sampling, PLAIN]
    step = sum(answer.seconds for answer in plain) / sum(answer.tokens for answer in plain)
    rounds = sum(answer.rounds for answer in answers)
    levels = Levels()
    for answer in answers:
        levels.unaided += answer.levels.unaided
        for place, share in answer.levels.shares.items():
            levels.shares.setdefault(place, Share()).add(share)
    return Making(
        pace=mean_pace([answer.turn for answer in answers]),
        tokens=sum(answer.tokens for answer in answers) / rounds,
        steps=sum(answer.seconds for answer in answers) / step / rounds,
        parts={place: _part(share, step, rounds) for place, share in levels.shares.items()},
        unaided=levels.unaided / rounds,
        reading=sum(answer.reading for answer in answers) / step / len(answers),
        drift=Drift(
            sum(answer.tokens for answer in answers),
            sum(answer.foreign for answer in answers),
            sum(answer.lag for answer in answers),
        ),
        equal=fmean(own.text == other.text for own, other in zip(answers, plain, strict=True)),
    )


def _part(share: Share, step: float, rounds: int) -> Part:
    return Part(
        passes=share.passes / rounds,
        steps=share.seconds / step / rounds,
        width=share.positions / share.passes if share.passes else 0.0,
        vetoed=share.vetoed / rounds,
        kept=share.stood / share.offered if share.offered else None,
    )
