"""All papers asked for in one run: which can be compared with these models, their tables and their pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.bench.papers.charts import DARK, LIGHT, draw
from engine.bench.papers.claims import PAPERS, Comparison, Paper
from engine.bench.papers.questions import Question
from engine.bench.papers.running import Way, run
from engine.bench.papers.tables import Table, tabulate
from engine.config import TARGET, Exit, Sampling
from engine.decoding.sources.exit import exits_of
from engine.errors import ModelSetError, UpdraftError
from engine.session import Session


@dataclass(frozen=True, slots=True)
class Papers:
    """The tables of one run, and why papers that were asked for have none."""

    tables: tuple[Table, ...]
    left_out: tuple[str, ...]

    def table(self) -> str:
        """Return the figures as text."""
        return "\n\n\n".join([*(table.text() for table in self.tables), *self.left_out])

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {"tables": [table.to_json() for table in self.tables], "left_out": list(self.left_out)}

    def draw(self, folder: Path) -> None:
        """Write a picture of each table for light pages and one for dark ones; raises UpdraftError."""
        for table in self.tables:
            for name, colours in (("light", LIGHT), ("dark", DARK)):
                file = folder / f"{table.name}-{name}.svg"
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    file.write_text(draw(table, colours), encoding="utf-8")
                except OSError as cause:
                    raise UpdraftError(
                        f"{file} cannot be written: {cause.strerror}.", "Choose another folder for --svg."
                    ) from cause


def compare(
    session: Session,
    names: Sequence[str],
    questions: Sequence[Question],
    sampling: Sampling,
    max_tokens: int,
    say: Callable[[str], None],
    minutes: float | None = None,
) -> Papers:
    """Hold each paper of ``names`` (none: all) against one run over ``questions``, of about so many ``minutes``.

    Raises ModelSetError where the session's models can show none of them.
    """
    possible, left_out = list[Paper](), list[str]()
    for name in names or PAPERS:
        paper = _possible(PAPERS[name](), session)
        if paper is None:
            left_out.append(f"{PAPERS[name]().title} is left out: {session.models.name} lacks what it needs.")
        else:
            possible.append(paper)
    if not possible:
        raise ModelSetError(" ".join(left_out), "Choose a set with more models, such as the starter.")
    ways = [way for paper in possible for comparison in paper.comparisons for way in comparison.ways]
    found = run(session, ways, questions, sampling, max_tokens, say, minutes)
    return Papers(tuple(tabulate(paper, found) for paper in possible), tuple(left_out))


def _possible(paper: Paper, session: Session) -> Paper | None:
    """Return ``paper`` with the comparisons and ways that the models of ``session`` can run; None: with none."""

    def runs(way: Way) -> bool:
        exits = any(isinstance(stage.source, Exit) for stage in way.preset.stages)
        trained = bool(exits_of(session.models.models, session.loaded[TARGET].architecture))
        return session.models.runs(way.preset) and (trained or not exits)

    def cut(comparison: Comparison) -> Comparison:
        return replace(
            comparison,
            own=tuple(filter(runs, comparison.own)),
            against=tuple(filter(runs, comparison.against)),
            others=tuple(filter(runs, comparison.others)),
        )

    comparisons = map(cut, paper.comparisons)
    kept = tuple(comparison for comparison in comparisons if comparison.own and comparison.against)
    return replace(paper, comparisons=kept) if kept else None
