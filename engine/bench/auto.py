"""Auto beside every fixed chain of the same levels, question by question in turns: what choosing gives and costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from typing import Any

from engine.bench.load import Load
from engine.bench.papers.figures import WITHHELD, Ratio
from engine.bench.papers.questions import Question
from engine.bench.report import error_of_ratio, pace
from engine.config import PRESETS, Exit, Preset, Sampling
from engine.decoding.planning.gathering import bottoms_of, gathered, preset_of
from engine.decoding.planning.reasons import chain_in_words
from engine.decoding.planning.search import MOST, Chain
from engine.decoding.sources.exit import exits_of
from engine.events import FEWEST, WIDEST, Finished, Planned
from engine.session import Session

WINDOWS: Mapping[str, tuple[int, ...]] = {"all": (1, 2, 4, 7), "few": (2,)}  # of the fixed chains
SIFTING: Mapping[str, tuple[int, ...]] = {"all": (2, 4), "few": (2,)}  # of levels that judge in the middle
AUTO, PLAIN = "Auto", "Target"
KEPT = "Auto, by what it knows then"  # of the same questions once more
LOADED = 2  # every so manieth question is answered while other programs take half the machine, if that is asked for
FRESH = 2  # replies of auto that are counted by themselves: it settles in them
ANSWERED = 8  # tokens of an answer that counts


@dataclass(frozen=True, slots=True)
class Timed:
    """What one answer took."""

    category: str
    tokens: int
    seconds: float


@dataclass(slots=True)
class AutoReport:
    """Answers by chain, in words, in the order of the questions; what auto ``ended`` with, and its changes of chain."""

    title: str
    answers: dict[str, list[Timed]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)
    strays: int = 0  # answers of auto that were not plain's

    def pace(self, name: str, category: str | None = None, start: int = 0) -> float:
        """Return tokens a second over the answers of a chain from that one on, of one category or of all."""
        found = [one for one in self.answers[name][start:] if category in (None, one.category) and one.tokens]
        seconds = sum(one.seconds for one in found)
        return sum(one.tokens for one in found) / seconds if seconds else 0.0

    def ratio(self, name: str, other: str, category: str | None = None, start: int = 0) -> Ratio | None:
        """Return how many times as fast as ``other`` a chain answered the same questions; None: withheld."""
        pairs = zip(self.answers[name][start:], self.answers[other][start:], strict=True)
        counted = [(a, b) for a, b in pairs if category in (None, a.category) and min(a.tokens, b.tokens)]
        turns, others = ([(pair[at].tokens, pair[at].seconds) for pair in counted] for at in (0, 1))
        if len(turns) < 2 or min(sum(tokens for tokens, _ in each) for each in (turns, others)) < FEWEST:
            return None
        found = Ratio(pace(turns) / pace(others), error_of_ratio(turns, others))
        return found if found.error <= WIDEST * found.value else None

    @property
    def fixed(self) -> list[str]:
        """The fixed chains, the fastest first."""
        return sorted(self.answers.keys() - {AUTO, KEPT}, key=lambda name: -self.pace(name))

    @property
    def categories(self) -> list[str]:
        """Those of the questions."""
        return list(dict.fromkeys(one.category for one in self.answers[AUTO]))

    def table(self) -> str:
        """Return the figures as text."""
        late = min(FRESH, len(self.answers[AUTO]) - 1)
        lines = [self.title, "", f"{'chain':<52}{'tokens/s':>9}{'of plain':>15}{'of the best fixed chain':>26}"]
        lines += [self._line(name, name) for name in self.fixed]
        lines.append(self._line("Auto, from the first reply on", AUTO, best=self.fixed[0]))
        lines.append(self._line(f"Auto, from reply {late + 1} on", AUTO, late, best=self.fixed[0]))
        if KEPT in self.answers:
            lines.append(self._line(KEPT, KEPT, best=self.fixed[0]))
        lines += ["", f"{'category':<24}{'plain':>8}{'auto':>8}{'of plain':>15}{'of the best there':>20}"]
        for name in self.categories:
            best = max(self.fixed, key=lambda each: self.pace(each, name))
            plain, found = self.pace(PLAIN, name), _said(self.ratio(AUTO, PLAIN, name))
            there = _said(self.ratio(AUTO, best, name))
            lines.append(f"{name:<24}{plain:>8.1f}{self.pace(AUTO, name):>8.1f}{found:>15}{there:>20}")
        turns = ", ".join(map(str, self.changes))
        lines += ["", f"±: 19 times in 20, by the questions. {WITHHELD}."]
        lines += [f"Auto changed its chain so often, reply by reply: {turns}; at the end: {self.ended[-1]}."]
        return "\n".join([*lines, f"Answers of auto that were not plain's: {self.strays}."])

    def _line(self, what: str, name: str, start: int = 0, best: str | None = None) -> str:
        ratios = _said(self.ratio(name, PLAIN, None, start)), best and _said(self.ratio(name, best, None, start))
        return f"{what:<52}{self.pace(name, None, start):>9.1f}{ratios[0]:>15}{ratios[1] or '':>26}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            "title": self.title,
            "answers": {
                name: [[one.category, one.tokens, one.seconds] for one in found] for name, found in self.answers.items()
            },
            "ended": self.ended,
            "changes": self.changes,
            "strays": self.strays,
        }


def _said(ratio: Ratio | None) -> str:
    return "-" if ratio is None else str(ratio)


def compare_auto(
    session: Session,
    questions: Sequence[Question],
    sampling: Sampling,
    max_tokens: int,
    say: Callable[[str], None],
    grid: str = "all",
    presets: Sequence[str] = (),
    minutes: float | None = None,
    *,
    load: bool = False,
) -> AutoReport:
    """Answer the first turn of every question plainly, by auto, and through every fixed chain of ``grid``.

    ``presets``: methods by name, instead of the grid. ``minutes``: see _turns. ``load``: while every second question is
    answered, other programs take half the machine. Recorded, auto answers once more, by what it knows then.
    """
    words = ", every second one under load" if load else ""
    report = AutoReport(f"{session.models.name}, {session.how}, {max_tokens} tokens an answer{words}")
    named = {PRESETS[name].title: PRESETS[name] for name in presets if name not in ("plain", "auto")}
    own = (AUTO, KEPT) if session.how == "graphs" else (AUTO,)
    chains = {PLAIN: PRESETS["plain"], **dict.fromkeys(own, PRESETS["auto"])}
    chains |= named if presets else dict(fixed_chains(session, grid))
    keyed = sampling if sampling.seed is not None else replace(sampling, seed=1)  # so that all write the same
    texts: dict[str, list[str]] = {name: [] for name in chains}
    with Load(session.device) as others:
        for name, question in _turns(session, list(chains), questions, say, minutes):
            others.set(on=load and questions.index(question) % LOADED == 1)
            _answer(session, name, chains[name], question, keyed, max_tokens, report, texts[name])
    report.strays = sum(a != b for a, b in zip(texts[AUTO], texts[PLAIN], strict=True))
    return report


def _answer(
    session: Session,
    name: str,
    preset: Preset,
    question: Question,
    sampling: Sampling,
    max_tokens: int,
    report: AutoReport,
    texts: list[str],
) -> None:
    """Answer one ``question`` by the chain of that ``name``, for the ``report``."""
    for _ in session.prepare(preset):  # as the program does when it loads, and between replies
        pass
    plans, asked = list[Planned](), [("user", question.turns[0])]
    for event in session.reply(asked, preset=preset, sampling=sampling, max_tokens=max_tokens):
        if isinstance(event, Planned):
            plans.append(event)
        elif isinstance(event, Finished):
            texts.append(event.text)
            counted = event.tokens if event.tokens >= ANSWERED else 0
            report.answers.setdefault(name, []).append(Timed(question.category, counted, event.seconds))
    if plans:
        report.changes.append(len(plans) - 1)
        report.ended.append(plans[-1].chain)


def _turns(
    session: Session,
    names: Sequence[str],
    questions: Sequence[Question],
    say: Callable[[str], None],
    minutes: float | None,
) -> Iterator[tuple[str, Question]]:
    """Yield which chain answers which question next: all of them each, in turns, so that a slow minute slows all.

    Recorded chains take no turns, since few are kept: a GPU is as fast in one minute as in the next. After so many
    ``minutes`` no further question comes, or recorded no further chain.
    """
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    if session.how == "graphs":
        for name in names:
            if name in (PLAIN, AUTO) or time.monotonic() < end:
                say(name)
                yield from ((name, question) for question in questions)
        return
    for number, question in enumerate(questions):
        if number and time.monotonic() > end:
            return
        say(f"question {number + 1} of {len(questions)}")
        at = number % len(names)  # nobody is always the first
        yield from ((name, question) for name in (*names[at:], *names[:at]))


def fixed_chains(session: Session, grid: str = "all") -> Iterator[tuple[str, Preset]]:
    """Yield the chains that auto chooses from, with the windows of a grid, by name: plain, then the shorter ones."""
    target = session.loaded["target"]
    whole = gathered(PRESETS["auto"], session.models, exits=len(exits_of(session.models.models, target.architecture)))
    levels = [stage.source for stage in whole.stages]
    judges, top = [source for source in levels[:-1] if source.judges], levels[-1]
    chains = [Chain((), (top,))]
    for bottom in bottoms_of(levels, mixed=session.how == "eager"):
        chains += [Chain(bottom, (top,), (window,)) for window in WINDOWS[grid]]
        above = [judge for judge in judges if levels.index(judge) > max(map(levels.index, bottom))]
        for judge, low, high in product(above, WINDOWS[grid][:3], SIFTING[grid]):
            if low + high <= MOST and bottom[-1].judges:
                chains.append(Chain(bottom, (judge, top), (low, high)))
    for chain in sorted(chains, key=lambda chain: len(chain.judges)):
        windows = f", {chain.windows[1]} sifted" if len(chain.windows) > 1 else ""
        depths = [Fraction(source.depth).limit_denominator(64) for source in chain.sources if isinstance(source, Exit)]
        exits = f", exit at {' and '.join(map(str, depths))}" if depths else ""
        yield f"{chain_in_words(chain)}{windows}{exits}", preset_of(whole, chain)
