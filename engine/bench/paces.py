"""What answers claim against plain decoding, held against plain answers of the same run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from engine.config import PRESETS, Preset, Sampling
from engine.events import Finished
from engine.prompts import PROMPTS
from engine.session import Session

ANSWERS = 10
FIT = 0.15  # how far a claim may be from what is measured, in relative terms


@dataclass(frozen=True, slots=True)
class Claim:
    """One answer: tokens a second of it and of the plain ones around it; ``claimed``: the factor it told, None: none.

    ``doubt``: why none.
    """

    own: float
    plain: float
    claimed: float | None
    doubt: str

    @property
    def real(self) -> float:
        """How many times as fast as plain decoding it was."""
        return self.own / self.plain


@dataclass(frozen=True, slots=True)
class Claims:
    """What ten answers through ``method`` claimed."""

    title: str
    method: str
    claims: tuple[Claim, ...]

    def table(self) -> str:
        """Return the figures as text."""
        lines = [self.title, "", f"{'tokens/s':>10}{'plain':>10}{'x plain':>10}{'claimed':>10}"]
        for claim in self.claims:
            said = f"{claim.claimed:>10.2f}" if claim.claimed is not None else f"{'-':>10}  {claim.doubt}"
            lines.append(f"{claim.own:>10.1f}{claim.plain:>10.1f}{claim.real:>10.2f}{said}".rstrip())
        return "\n".join([*lines, "", self.verdict()])

    def verdict(self) -> str:
        """Say in a sentence how many claims there were and how true they are."""
        off = [abs(claim.claimed / claim.real - 1) for claim in self.claims if claim.claimed is not None]
        if not off:
            return f"{self.method}: no claim in {len(self.claims)} answers."
        fit = sum(each <= FIT for each in off)
        return (
            f"{self.method}: {len(off)} claims in {len(self.claims)} answers, {fit} of them within {FIT:.0%} of what "
            f"was measured; half are within {median(off):.0%}, all within {max(off):.0%}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)


def check_claims(
    session: Session, preset: Preset, sampling: Sampling, max_tokens: int, say: Callable[[str], None]
) -> Claims:
    """Give answers in turns, plain and through ``preset``: each claim is judged by the plain answers around it."""

    def answer(method: Preset, prompt: str) -> Finished:
        *_, last = session.reply([("user", prompt)], preset=method, sampling=sampling, max_tokens=max_tokens)
        assert isinstance(last, Finished)  # noqa: S101 - as every reply ends
        return last

    prompts = PROMPTS[:ANSWERS]
    answer(PRESETS["plain"], prompts[0])  # warms up
    plain = [answer(PRESETS["plain"], prompts[0]).tokens_per_second]
    ends: list[Finished] = []
    for number, prompt in enumerate(prompts, start=1):
        say(f"answer {number} of {len(prompts)}")
        ends.append(answer(preset, prompt))
        plain.append(answer(PRESETS["plain"], prompt).tokens_per_second)
    claims = [
        Claim(
            own=end.tokens_per_second,
            plain=fmean(plain[at : at + 2]),
            claimed=None if end.plain_seconds is None else end.plain_seconds / end.seconds,
            doubt=end.doubt,
        )
        for at, end in enumerate(ends)
    ]
    return Claims(f"{session.models.name}, {preset.title} and Plain in turns", preset.title, tuple(claims))
