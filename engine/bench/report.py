"""What a benchmark found, as a table to read and as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import pstdev
from typing import Any

from engine import words
from engine.events import Factor

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)  # tokens in a timed pass


@dataclass(frozen=True, slots=True)
class PassCost:
    """The median milliseconds of one pass of a whole model, by how many tokens it has: the cost c(n).

    ``floor``: milliseconds it takes to read once what a pass of one token reads, at the speed of a copy; 0 unknown.
    """

    model: str
    milliseconds: dict[int, float]
    floor: float = 0.0

    def ratio(self, tokens: int) -> float:
        """Return c(tokens) / c(1)."""
        return self.milliseconds[tokens] / self.milliseconds[1]

    def line(self) -> str:
        """Return the milliseconds as a line of the table."""
        return f"{self.model:<22}" + "".join(f"{each:>7.2f}" for each in self.milliseconds.values())


@dataclass(frozen=True, slots=True)
class Speed:
    """One way of decoding: tokens per second, how often each judge keeps a token, tokens per round of the target (None
    where nobody counts them).

    ``overhead``: the share of the time in which no pass ran, from 0 to 1; None where passes are not timed.
    ``replies``: tokens and seconds of each, to the same prompts in the same order for all that have them.
    """

    name: str
    note: str
    tokens: int
    seconds: float
    kept: dict[str, float]
    tokens_per_round: float | None
    overhead: float | None = None
    replies: tuple[tuple[int, float], ...] = ()

    @property
    def tokens_per_second(self) -> float:
        """Tokens over seconds, prefill left out."""
        return self.tokens / self.seconds

    def against(self, plain: Speed) -> str:
        """Say how many times as fast it is as ``plain``, with the error estimated from its replies."""
        value, count = self.tokens_per_second / plain.tokens_per_second, len(self.replies)
        if count < 2 or count != len(plain.replies):
            return words.times(value)
        return str(Factor(value, error_of_ratio(self.replies, plain.replies)))

    def line(self, plain: Speed | None) -> str:
        """Return the figures as a line of the table; ``plain``: what to compare with."""
        factor = "-" if plain is None or plain is self else self.against(plain)
        kept = ", ".join(f"{name} {share:.0%}" for name, share in self.kept.items())
        each = "-" if self.tokens_per_round is None else f"{self.tokens_per_round:.2f}"
        idle = "-" if self.overhead is None else f"{self.overhead:.1%}"
        note = f"  ({self.note})" if self.note else ""
        return f"{self.name:<26}{self.tokens_per_second:>10.1f}{factor:>22}{each:>14}{idle:>10}   {kept}{note}"


def pace(turns: Sequence[tuple[int, float]], left_out: int | None = None) -> float:
    """Return the tokens of all ``turns`` but one over their seconds."""
    rest = [turn for index, turn in enumerate(turns) if index != left_out]
    return sum(tokens for tokens, _ in rest) / sum(seconds for _, seconds in rest)


def error_of_ratio(
    turns: Sequence[tuple[int, float]],
    others: Sequence[tuple[int, float]],
    mean: Callable[[Sequence[tuple[int, float]], int | None], float] = pace,
) -> float:
    """Return two standard errors of the ratio of both paces over the same prompts, by the jackknife.

    ``mean``: the pace of all of them but one.
    """
    without = [mean(turns, left_out) / mean(others, left_out) for left_out in range(len(turns))]
    return 2 * math.sqrt(len(turns) - 1) * pstdev(without)


@dataclass(frozen=True, slots=True)
class Share:
    """The median milliseconds of a part of a round, and how many passes of one token of the target that is."""

    what: str
    milliseconds: float
    share: float

    def line(self) -> str:
        """Return it as a line of the table."""
        return f"  {self.what:<24}{self.milliseconds:>7.3f} ms{self.share:>8.3f} of c(1)"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run measured. Bandwidth in bytes per second, memory in bytes; 0 where not measured."""

    title: str
    device: str
    software: str
    context: int
    bandwidth: float
    passes: tuple[PassCost, ...]
    speeds: tuple[Speed, ...]
    prefill: dict[int, float]  # prompt tokens -> tokens per second
    peak_memory: int
    weights: int  # bytes held once everything was loaded, before any pass
    graphs: int = 0  # bytes the recordings of plain decoding take beside what torch counts
    library_prefill: dict[int, float] = field(default_factory=dict)  # the same through bitsandbytes' own op
    parts: dict[str, tuple[Share, ...]] = field(default_factory=dict)  # way -> what the parts of its rounds take

    def table(self) -> str:
        """Return the figures as text."""
        parts = [line for way, each in self.parts.items() for line in ("", way, *(part.line() for part in each))]
        return "\n".join([*self._head(), "", *self._costs(), "", *self._ways(), *parts])

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {**asdict(self), "tokens_per_second": {speed.name: speed.tokens_per_second for speed in self.speeds}}

    def _head(self) -> list[str]:
        lines = [self.title, f"{self.device}, {self.software}, {self.context:,} tokens of context"]
        if self.bandwidth:
            lines.append(f"copy bandwidth {self.bandwidth / 1e12:.2f} TB/s (read + written)")
        if self.peak_memory:
            graphs = f", {self.graphs / 1e6:.0f} MB beside it for the graphs of plain decoding" if self.graphs else ""
            lines.append(
                f"memory {self.weights / 1e9:.2f} GB when loaded, {self.peak_memory / 1e9:.2f} GB at most{graphs}"
            )
        for n, speed in self.prefill.items():
            library = f" (by bitsandbytes' op {self.library_prefill[n]:,.0f})" if n in self.library_prefill else ""
            lines.append(f"prefill of {n:,} tokens: {speed:,.0f} tokens/s{library}")
        return lines

    def _costs(self) -> list[str]:
        lines = [f"{'ms per pass of n =':<22}" + "".join(f"{n:>7}" for n in WIDTHS)]
        for cost in self.passes:
            lines.append(cost.line())
            lines.append(f"{'  times c(1)':<22}" + "".join(f"{cost.ratio(n):>7.2f}" for n in WIDTHS))
            if cost.floor:
                share = cost.floor / cost.milliseconds[1]
                lines.append(f"  bytes alone {cost.floor:.2f} ms: {share:.0%} of the speed of a copy")
        return lines

    def _ways(self) -> list[str]:
        plain = next((speed for speed in self.speeds if speed.name == "plain"), None)
        lines = [f"{'':<26}{'tokens/s':>10}{'x plain':>22}{'tokens/round':>14}{'overhead':>10}   kept by each judge"]
        return [*lines, *(speed.line(plain) for speed in self.speeds)]
