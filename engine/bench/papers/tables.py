"""A table for each paper: what it publishes, what the run gave, category by category, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine.bench.papers.claims import Comparison, Paper
from engine.bench.papers.figures import WITHHELD, Making, Ratio, groups, making, ratio, within
from engine.bench.papers.running import PLACES, PLAIN, Run, Way
from engine.bench.papers.sentences import verdict, why

Rows = Mapping[str, Mapping[str, Ratio | None]]  # label -> sampling -> ratio; None where it is withheld


@dataclass(frozen=True, slots=True)
class Table:
    """What a paper publishes beside what one run gave.

    ``rows``: its way over the best of its ``rivals``, by category; ``plain``: over plain decoding. ``ways``: by
    sampling and title, how fast each is and what its rounds are made of. ``sentences``: what came and why.
    """

    name: str
    title: str
    source: str
    published: str
    mark: str
    claims: tuple[tuple[str, float], ...]
    model: str
    settings: str
    rivals: Mapping[str, str]
    rows: Rows
    plain: Rows
    ways: Mapping[str, Mapping[str, Making]]
    over_plain: Mapping[str, Mapping[str, Ratio | None]]
    sentences: tuple[str, ...]

    def text(self) -> str:
        """Return it to be read."""
        lines = [f"{self.title} ({self.source})", self.published, f"{self.model}: {self.settings}"]
        return "\n".join([*filter(None, lines), "", *self._categories(), "", *self._ways(), *self.sentences])

    def _categories(self) -> list[str]:
        samplings = list(self.rivals)
        head = "".join(f"{f'{name}: x {self.rivals[name]}':>38}{'x plain':>14}" for name in samplings)
        width = 2 + max(map(len, self.rows))
        lines = [f"{'':<{width}}{head}"]
        for label, each in self.rows.items():
            cells = "".join(f"{_cell(each[name]):>38}{_cell(self.plain[label][name]):>14}" for name in samplings)
            lines.append(f"{label:<{width}}{cells}".rstrip())
        return [*lines, WITHHELD]

    def _ways(self) -> list[str]:
        parts = "".join(f"{place:>10}" for place in PLACES)
        lines = list[str]()
        for name, ways in self.ways.items():
            head = f"{name:<26}{'tokens/s':>10}{'x plain':>14}{'tokens a round':>16}{'steps':>8}"
            lines.append(f"{head}{parts}{'between':>10}{'as plain':>10}")
            lines += [_line(title, made, self.over_plain[name].get(title)) for title, made in ways.items()]
            lines.append("")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def _line(title: str, made: Making, over: Ratio | None) -> str:
    """Return how fast a way is and what its rounds are made of, as a line of the table."""
    parts = [f"{made.parts[place].steps:.2f}" if place in made.parts else "" for place in PLACES]
    against = "" if title == PLAIN.title else _cell(over)
    shares = "".join(f"{part:>10}" for part in [*parts, f"{made.between:.2f}", f"{made.equal:.0%}"])
    return f"{title:<26}{made.pace:>10,.1f}{against:>14}{made.tokens:>16.2f}{made.steps:>8.2f}{shares}"


def _cell(ratio: Ratio | None) -> str:
    return "-" if ratio is None else str(ratio)


def tabulate(paper: Paper, run: Run) -> Table:
    """Return the table of ``paper``: by category, or by comparison where it makes several."""
    comparisons = paper.comparisons
    ways = (PLAIN, *dict.fromkeys(way for comparison in comparisons for way in comparison.ways))
    best = [{name: _fastest(run, name, each.against) for name in run.samplings} for each in comparisons]
    plain = dict.fromkeys(run.samplings, PLAIN)
    made = {name: {each.title: making(run, name, each) for each in ways} for name in run.samplings}
    if len(comparisons) == 1:
        rows, over_plain = (_by_category(run, comparisons[0].way, against) for against in (best[0], plain))
        rivals = {name: rival.title for name, rival in best[0].items()}
    else:
        pairs = list(zip(comparisons, best, strict=True))
        rows = {each.title: _overall(run, each.way, against) for each, against in pairs}
        over_plain = {each.title: _overall(run, each.way, plain) for each in comparisons}
        rivals = dict.fromkeys(run.samplings, "without")
    return Table(
        name=paper.name,
        title=paper.title,
        source=paper.source,
        published=paper.published,
        mark=paper.mark,
        claims=tuple((str(claim), claim.value) for claim in paper.claims),
        model=run.model,
        settings=run.settings,
        rivals=rivals,
        rows=rows,
        plain=over_plain,
        ways=made,
        over_plain={
            name: {each.title: _over(run, name, each, PLAIN) for each in ways if each != PLAIN}
            for name in run.samplings
        },
        sentences=tuple(
            _told(paper, comparison, against[name], run, name)
            for comparison, against in zip(comparisons, best, strict=True)
            for name in run.samplings
        ),
    )


def _told(paper: Paper, comparison: Comparison, rival: Way, run: Run, sampling: str) -> str:
    """Say what came of a comparison of ``paper`` and why, beside ``rival``."""
    way = comparison.way
    rows = {label: each[sampling] for label, each in _by_category(run, way, {sampling: rival}).items()}
    own = making(run, sampling, way)
    came = verdict(paper, rows, rival.title, own)
    reason = why(own, making(run, sampling, rival), way.title, rival.title)
    told = f"{comparison.title or way.title}, {sampling}: {came} {reason}"
    return told[0].upper() + told[1:]


def _fastest(run: Run, sampling: str, ways: Sequence[Way]) -> Way:
    return max(ways, key=lambda way: making(run, sampling, way).pace)


def _by_category(run: Run, way: Way, against: Mapping[str, Way]) -> Rows:
    return {
        label: {name: _over(run, name, way, other, categories) for name, other in against.items()}
        for label, categories in groups(run).items()
    }


def _overall(run: Run, way: Way, against: Mapping[str, Way]) -> Mapping[str, Ratio | None]:
    return {name: _over(run, name, way, other) for name, other in against.items()}


def _over(run: Run, sampling: str, way: Way, other: Way, categories: frozenset[str] | None = None) -> Ratio | None:
    own, theirs = (run.answers[sampling, each] for each in (way, other))
    return ratio(within(own, categories), within(theirs, categories))
