"""How far a lossy method's answers leave the target, and what that gains: by rule, over the dial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.config import Preset, Sampling, Way
from engine.config.tailoring import Recipe, tailored
from engine.session import Session
from engine.tally import Tally

DIALS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Drifted:
    """Answers at one place of the dial: ``share`` of the tokens is not the target's own, which it favours by ``lag``
    nats a token over all of them; ``kept``: what each judge keeps of what it looks at, by title.
    """

    way: Way
    dial: float
    tokens: int
    share: float
    lag: float
    kept: dict[str, float]
    per_round: float
    pace: float  # tokens a second


@dataclass(frozen=True, slots=True)
class Drifts:
    """What was found, in the order in which it was asked for."""

    title: str
    rows: tuple[Drifted, ...]

    def table(self) -> str:
        """Return the figures as text."""
        lines = [self.title, f"{'rule':<10}{'dial':>6}{'not its own':>13}{'nats a token':>14}{'tokens/round':>14}"]
        lines[-1] += f"{'tokens/s':>10}   kept by each judge"
        for row in self.rows:
            kept = ", ".join(f"{title} {rate:.0%}" for title, rate in row.kept.items())
            lines.append(
                f"{row.way:<10}{row.dial:>6.2f}{row.share:>13.1%}{row.lag:>14.3f}{row.per_round:>14.2f}"
                f"{row.pace:>10.1f}   {kept}"
            )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)


def drifts(
    session: Session,
    preset: Preset,
    prompts: Sequence[str],
    sampling: Sampling,
    max_tokens: int,
    say: Callable[[str], None],
    *,
    ways: Iterable[Way] = ("fuzzy", "assisted"),
    dials: Sequence[float] = DIALS,
    recipe: Recipe = "ours",
) -> Drifts:
    """Answer every prompt by each of ``ways`` at each of ``dials``; at 0 all are exact.

    ``recipe``: whose windows. Each prompt has noise of its own, the same every time, so that all begin alike.
    """
    rows = []
    for way in ways:
        for dial in dials:
            say(f"{way} at {dial:g}")
            asked = tailored(preset, (), way, dial, recipe)
            replies = [
                _answered(session, asked, prompt, replace(sampling, seed=(sampling.seed or 0) + number), max_tokens)
                for number, prompt in enumerate(prompts)
            ]
            rows.append(_drifted(way, dial, replies))
    return Drifts(f"{session.models.name}, {preset.title}, {session.how}", tuple(rows))


def _answered(session: Session, preset: Preset, prompt: str, sampling: Sampling, max_tokens: int) -> Tally:
    counted = Tally()
    counted.add(session.reply([("user", prompt)], preset=preset, sampling=sampling, max_tokens=max_tokens))
    return counted


def _drifted(way: Way, dial: float, replies: Sequence[Tally]) -> Drifted:
    ends = [reply.finished for reply in replies if reply.finished is not None]
    tokens = sum(end.tokens for end in ends)
    judged, stood = Counter[str](), Counter[str]()
    for level in (level for reply in replies for level in reply.levels[1:]):
        judged[level.info.title] += level.judged
        stood[level.info.title] += level.stood
    return Drifted(
        way,
        dial,
        tokens,
        sum(end.foreign or 0 for end in ends) / tokens,
        sum(end.lag for end in ends) / tokens,
        {title: stood[title] / count for title, count in judged.items() if count},
        tokens / sum(reply.rounds for reply in replies),
        tokens / sum(end.seconds for end in ends),
    )
