"""A table for each paper: what it publishes, what the run gave, category by category, and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine.bench.papers.claims import Comparison, Paper
from engine.bench.papers.figures import WITHHELD, Making, Ratio, groups, making, ratio, within
from engine.bench.papers.running import PLACES, PLAIN, Run, Way
from engine.bench.papers.sentences import verdict, why

LETTERS = 120  # in a line of sentences
Rows = Mapping[str, Mapping[str, Ratio | None]]  # label -> sampling -> ratio; None where it is withheld


@dataclass(frozen=True, slots=True)
class Table:
    """What a paper publishes beside what one run gave.

    ``measured``: by sampling, which way is held against which rival: the fastest of each. ``rows``: the ratio of both
    by category; ``plain``: that over plain decoding. ``ways``: by sampling and title, how fast each is and what its
    rounds are made of. ``sentences``: what came and why.
    """

    name: str
    title: str
    source: str
    published: str
    mark: str
    claims: tuple[tuple[str, float], ...]
    model: str
    settings: str
    measured: Mapping[str, str]
    rows: Rows
    plain: Rows
    ways: Mapping[str, Mapping[str, Making]]
    over_plain: Mapping[str, Mapping[str, Ratio | None]]
    sentences: tuple[str, ...]

    def text(self) -> str:
        """Return it to be read."""
        lines = [f"{self.title} ({self.source})", self.published, f"{self.model}: {self.settings}"]
        return "\n".join([*filter(None, lines), "", *self._categories(), "", *self._ways(), *self._told()])

    def _categories(self) -> list[str]:
        samplings = list(self.measured)
        head = "".join(f"{name:>24}{'x plain':>14}" for name in samplings)
        width = 2 + max(map(len, self.rows))
        lines = [f"{'':<{width}}{head}"]
        bare = [label for label in self.rows if not any((*self.rows[label].values(), *self.plain[label].values()))]
        for label, each in self.rows.items():
            if label in bare:
                continue
            cells = "".join(f"{_cell(each[name]):>24}{_cell(self.plain[label][name]):>14}" for name in samplings)
            lines.append(f"{label:<{width}}{cells}".rstrip())
        held = [f"{name}: {pair}" for name, pair in self.measured.items()]
        withheld = [f"withheld: {', '.join(bare)}"] if bare else []
        return [line for each in (*lines, *withheld, *held, WITHHELD) for line in _wrapped(each)]

    def _ways(self) -> list[str]:
        parts = "".join(f"{place:>10}" for place in PLACES)
        lines = list[str]()
        for name, ways in self.ways.items():
            head = f"{name:<28}{'tokens/s':>10}{'x plain':>14}{'tokens a round':>16}{'steps':>8}"
            lines.append(f"{head}{parts}{'between':>10}{'reading':>10}{'as plain':>10}{'foreign':>10}")
            lines += [_line(title, made, self.over_plain[name].get(title)) for title, made in ways.items()]
            lines.append("")
        return lines

    def _told(self) -> list[str]:
        return [line for sentence in self.sentences for line in _wrapped(sentence)]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def _line(title: str, made: Making, over: Ratio | None) -> str:
    """Return how fast a way is and what its rounds are made of, as a line of the table."""
    parts = [f"{made.parts[place].steps:.2f}" if place in made.parts else "" for place in PLACES]
    against = "" if title == PLAIN.title else _cell(over)
    foreign = f"{made.drift.share:.1%}" if made.drift.foreign else ""
    shares = "".join(
        f"{part:>10}" for part in [*parts, f"{made.between:.2f}", f"{made.reading:.1f}", f"{made.equal:.0%}", foreign]
    )
    return f"{title:<28}{made.pace:>10,.1f}{against:>14}{made.tokens:>16.2f}{made.steps:>8.2f}{shares}".rstrip()


def _wrapped(text: str) -> list[str]:
    """Return ``text`` in lines that a page has room for, all but the first set in."""
    return textwrap.wrap(text, LETTERS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _cell(ratio: Ratio | None) -> str:
    return "-" if ratio is None else str(ratio)


@dataclass(frozen=True, slots=True)
class Pair:
    """A way and the one it is held against."""

    own: Way
    rival: Way

    def __str__(self) -> str:
        """Say it as the head of a column."""
        return f"{self.own.title} over {self.rival.title}"


def tabulate(paper: Paper, run: Run) -> Table:
    """Return the table of ``paper``: by category, or by comparison where it makes several."""
    comparisons = paper.comparisons
    ways = (PLAIN, *dict.fromkeys(way for comparison in comparisons for way in comparison.ways))
    pairs = [
        {name: Pair(_fastest(run, name, each.own), _fastest(run, name, each.against)) for name in run.samplings}
        for each in comparisons
    ]
    alone = len(comparisons) == 1
    return Table(
        name=paper.name,
        title=paper.title,
        source=paper.source,
        published=paper.published,
        mark=paper.mark,
        claims=tuple((str(claim), claim.value) for claim in paper.claims),
        model=run.model,
        settings=run.settings,
        measured={name: str(pair) if alone else "with over without" for name, pair in pairs[0].items()},
        rows=_rows(run, paper, pairs),
        plain=_rows(run, paper, [{name: Pair(pair.own, PLAIN) for name, pair in each.items()} for each in pairs]),
        ways={name: {each.title: making(run, name, each) for each in ways} for name in run.samplings},
        over_plain={
            name: {each.title: _over(run, name, Pair(each, PLAIN)) for each in ways if each != PLAIN}
            for name in run.samplings
        },
        sentences=tuple(
            sentence
            for comparison, held in zip(comparisons, pairs, strict=True)
            for name, pair in held.items()
            for sentence in _told(paper, comparison, pair, run, name)
        ),
    )


def _rows(run: Run, paper: Paper, pairs: Sequence[Mapping[str, Pair]]) -> Rows:
    """Return the ratios of each of ``pairs``, those of one comparison by category."""
    if len(pairs) == 1:
        return _by_category(run, pairs[0])
    return {
        comparison.title: {name: _over(run, name, pair) for name, pair in each.items()}
        for comparison, each in zip(paper.comparisons, pairs, strict=True)
    }


def _told(paper: Paper, comparison: Comparison, pair: Pair, run: Run, sampling: str) -> Iterator[str]:
    """Say what came of a comparison of ``paper`` and why, then why of the other ways."""
    for way in (pair.own, *comparison.others):
        rows = {label: each[sampling] for label, each in _by_category(run, {sampling: Pair(way, pair.rival)}).items()}
        own = making(run, sampling, way)
        came = verdict(paper, rows, pair.rival.title, own)
        reason = why(own, making(run, sampling, pair.rival), way.title, pair.rival.title)
        told = f"{comparison.title or way.title}, {sampling}: {came} {reason}"
        yield told[0].upper() + told[1:]


def _fastest(run: Run, sampling: str, ways: Sequence[Way]) -> Way:
    return max(ways, key=lambda way: making(run, sampling, way).pace)


def _by_category(run: Run, pairs: Mapping[str, Pair]) -> Rows:
    return {
        label: {name: _over(run, name, pair, categories) for name, pair in pairs.items()}
        for label, categories in groups(run).items()
    }


def _over(run: Run, sampling: str, pair: Pair, categories: frozenset[str] | None = None) -> Ratio | None:
    own, theirs = (run.answers[sampling, each] for each in (pair.own, pair.rival))
    return ratio(within(own, categories), within(theirs, categories))
