"""Auto in worlds of known costs and agreements, beside every fixed chain: what choosing loses, and when it has settled.

Costs are as measured, agreements as measured or published (engine/bench/README.md says where); Spec-Bench's categories
differ in how often levels agree, in what texts repeat, and in how long prompts are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise, product
from typing import Any

from engine.bench.auto import AUTO, KEPT, LOADED, AutoReport, Timed
from engine.bench.papers.questions import CATEGORIES
from engine.bench.reality import PLAIN, TOP, Reality, Told
from engine.config import Exit, Head, Lookup, Model, Source
from engine.decoding.planning.gathering import bottoms_of
from engine.decoding.planning.planner import Planner
from engine.decoding.planning.reasons import chain_in_words
from engine.decoding.planning.search import Chain
from engine.errors import SettingError

COPY, HEAD, DRAFT, MIDDLE, EIGHTH, QUARTER = (
    Lookup(16, 1),
    Head(),
    Model("draft"),
    Model("qualifier"),
    Exit(1 / 8),
    Exit(1 / 4),
)
Shares = dict[tuple[Source, Source], Sequence[float]]
QUESTIONS = 3  # of a category
LENGTHS = {"rag": (15, 70), "qa": (20, 120), "translation": (15, 60)}  # tokens of answers, as the starter gives them
USUAL, TOKENS = (100, 120), 120  # of others; the most
WORDS = 3000  # of the texts that are written, the first ones most often
SETTLED = 2  # answers, after which a fresh planner has settled
WINDOWS, SIFTED = (1, 2, 3, 4, 7), (2,)  # of the fixed chains


def level(*shares: float, fall: float = 1.0) -> tuple[float, ...]:
    """Return agreement at eight places: ``shares``, the last of which goes on, times ``fall`` a place."""
    return tuple(shares[min(place, len(shares) - 1)] * fall ** max(place - len(shares) + 1, 0) for place in range(8))


def _starter(step: float, costs: Sequence[float], drafting: tuple[float, float], **others: Any) -> Reality:
    """Return a world of the starter and what comes with it; ``costs`` of draft and qualifier, as shares of a step."""
    draft, middle = costs
    taken: dict[Source, float] = {COPY: 0.0, HEAD: drafting[0], DRAFT: draft, MIDDLE: middle, TOP: 1.0}
    shares: Shares = {(HEAD, TOP): level(0.56, 0.5, 0.48), (DRAFT, TOP): level(0.58, 0.55), (MIDDLE, TOP): level(0.66)}
    shares |= {(HEAD, DRAFT): level(0.45), (HEAD, MIDDLE): level(0.5), (DRAFT, MIDDLE): level(0.68)}
    first, further = drafting
    return Reality(
        {source: share * step for source, share in taken.items()},
        shares,
        drafting={HEAD: (first * step, further * step)},
        **others,
    )


def _starter_on_a_cpu(**others: Any) -> Reality:
    wider = ((2, 1.16), (4, 1.57), (8, 2.77), (16, 5.2))
    return _starter(0.0135, (0.3, 0.58), (0.2, 0.16), wider=wider, reading=0.23, noise=0.1, beside=0.0003, **others)


def _starter_on_an_h200(**others: Any) -> Reality:
    wider = ((8, 1.06), (16, 1.25))
    given: dict[str, Any] = {
        "wider": wider,
        "reading": 0.03,
        "noise": 0.015,
        "beside": 0.00004,
        "turn": 0.0002,
        "launching": 0.009,
    }
    return _starter(0.00053, (0.24, 0.5), (0.1, 0.08), recorded=True, **given, **others)


def _llama(**others: Any) -> Reality:
    step, wider = 0.00191, ((8, 1.073), (16, 1.277))
    taken = {COPY: 0.0, HEAD: 0.083, EIGHTH: 0.16, QUARTER: 0.3, DRAFT: 0.32, MIDDLE: 0.55, TOP: 1.0}
    shares: Shares = {(HEAD, TOP): level(0.72, 0.68, 0.65, 0.62), (DRAFT, TOP): level(0.75), (MIDDLE, TOP): level(0.85)}
    shares |= {(EIGHTH, TOP): level(0.45), (QUARTER, TOP): level(0.69), (EIGHTH, QUARTER): level(0.65)}
    shares |= {(DRAFT, MIDDLE): level(0.8), (EIGHTH, DRAFT): level(0.4), (EIGHTH, MIDDLE): level(0.42)}
    shares |= {(QUARTER, DRAFT): level(0.55), (QUARTER, MIDDLE): level(0.6)}
    shares |= {(HEAD, high): level(0.55) for high in (EIGHTH, QUARTER, DRAFT, MIDDLE)}
    given: dict[str, Any] = {
        "wider": wider,
        "reading": 0.02,
        "noise": 0.01,
        "beside": 0.00003,
        "turn": 0.0004,
        "launching": 0.011,
    }
    costs = {source: share * step for source, share in taken.items()}
    return Reality(costs, shares, drafting={HEAD: (0.083 * step, 0.07 * step)}, recorded=True, **given, **others)


def _tiny_on_an_h200(**others: Any) -> Reality:
    step, wider = 0.00030, ((8, 1.05), (16, 1.2))
    taken = {COPY: 0.0, EIGHTH: 0.3, QUARTER: 0.4, DRAFT: 0.6, MIDDLE: 0.7, TOP: 1.0}
    shares: Shares = {(DRAFT, TOP): level(0.5), (MIDDLE, TOP): level(0.6), (DRAFT, MIDDLE): level(0.6)}
    shares |= {(EIGHTH, TOP): level(0.5), (QUARTER, TOP): level(0.58), (EIGHTH, QUARTER): level(0.7)}
    shares |= {(low, high): level(0.45) for low in (EIGHTH, QUARTER) for high in (DRAFT, MIDDLE)}
    given: dict[str, Any] = {
        "wider": wider,
        "reading": 0.03,
        "noise": 0.02,
        "beside": 0.00002,
        "turn": 0.0002,
        "launching": 0.006,
    }
    return Reality({source: share * step for source, share in taken.items()}, shares, recorded=True, **given, **others)


def _starter_on_a_cpu_hard(**others: Any) -> Reality:
    real = _starter_on_a_cpu(**others)
    real.shares = {pair: tuple(0.75 * share for share in shares) for pair, shares in real.shares.items()}
    return real


WORLDS: Mapping[str, Callable[..., Reality]] = {
    "starter-cpu": _starter_on_a_cpu,
    "hard-cpu": _starter_on_a_cpu_hard,
    "starter-h200": _starter_on_an_h200,
    "tiny-h200": _tiny_on_an_h200,
    "llama-3.1-8b": _llama,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: its category, how long its prompt is, how often levels agree in the answer, what that says.

    ``tokens``: how long the answer gets.
    """

    category: str
    prompt: int
    mood: float
    text: Sequence[int]
    tokens: int = TOKENS

    @classmethod
    def drawn(cls, category: str, dice: random.Random) -> Ask:
        """Draw one as is usual in ``category``."""
        long = category in ("rag", "summarization")
        prompt = int(dice.uniform(140, 260)) if long else int(dice.uniform(30, 80))
        often = {"rag": 0.12, "summarization": 0.1, "extraction": 0.1, "coding": 0.1}.get(category, 0.03)
        mood = {"coding": 1.08, "math": 1.05, "math_reasoning": 1.1, "roleplay": 0.85, "writing": 0.85}.get(
            category, 1.0
        )
        text, tokens = repeating(prompt + TOKENS + 40, often, dice), int(dice.uniform(*LENGTHS.get(category, USUAL)))
        return cls(category, prompt, mood * dice.uniform(0.94, 1.06), text, tokens)


def repeating(length: int, often: float, dice: random.Random) -> list[int]:
    """Return a text of words, which goes on with a passage from before at so many of its places."""
    found: list[int] = []
    while len(found) < length:
        if len(found) > 20 and dice.random() < often:
            at, many = dice.randrange(len(found) - 10), 2 + int(dice.expovariate(1 / 6))
            found += found[at : at + many]
        else:
            found.append(int(WORDS ** dice.random()))
    return found[:length]


def asks(seed: int) -> list[Ask]:
    """Return some questions of every category, in turns."""
    dice = random.Random(seed)
    found = [Ask.drawn(category, dice) for _ in range(QUESTIONS) for category in CATEGORIES]
    dice.shuffle(found)
    return found


def chains_of(real: Reality) -> Iterator[Chain]:
    """Yield plain decoding and every fixed chain of a grid of windows."""
    yield PLAIN
    levels = list(real.costs)
    for bottom in bottoms_of(levels, mixed=not real.recorded):
        yield from (Chain(bottom, (TOP,), (window,)) for window in WINDOWS)
        above = [source for source in levels[:-1] if source.judges and levels.index(source) > levels.index(bottom[-1])]
        if bottom[-1].passes:
            for judge, low, high in product(above, WINDOWS[:4], SIFTED):
                yield Chain(bottom, (judge, TOP), (low, high))


@dataclass(slots=True)
class Found:
    """Seconds and tokens of answers by category, and how often the levels at work changed within each answer."""

    answers: list[Timed] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)

    def add(self, category: str, told: Told, seconds: float) -> None:
        """Take in an answer, reading included."""
        self.answers.append(Timed(category, sum(len(round_.settled) for _, round_ in told), seconds))
        self.changes.append(sum(a.sources != b.sources for (a, _), (b, _) in pairwise(told)))

    def pace(self, category: str | None = None, start: int = 0, end: int | None = None) -> float:
        """Return seconds a token."""
        found = [one for one in self.answers[start:end] if category in (None, one.category)]
        return sum(one.seconds for one in found) / sum(one.tokens for one in found)


def answered(real: Reality, questions: Sequence[Ask], write: Callable[[Ask], Told], busy: float = 1.0) -> Found:
    """Return what came of ``questions`` in the world; ``busy``: every second one takes so many times as long."""
    found = Found()
    for number, ask in enumerate(questions):
        if busy > 1:
            real.load = partial(_always, busy if number % LOADED == 1 else 1.0)
        real.mood, real.text = ask.mood, partial(_at, ask.text)
        began = real.seconds
        found.add(ask.category, write(ask), real.seconds - began)
    return found


def _at(text: Sequence[int], place: int) -> int:
    return text[min(place, len(text) - 1)]


def by_fixed(real: Reality, chain: Chain, questions: Sequence[Ask], busy: float = 1.0) -> Found:
    """Return what came of ``questions`` with a fixed chain."""
    planner = real.planner()
    return answered(real, questions, lambda ask: real.fixed(chain, planner.beliefs, ask.tokens, ask.prompt), busy)


def by_auto(
    real: Reality, questions: Sequence[Ask], planner: Planner | None = None, busy: float = 1.0
) -> tuple[Found, Planner]:
    """Return what came of ``questions`` with auto, and what it knows then."""
    planner = planner or real.planner()
    known = planner
    return answered(real, questions, lambda ask: real.reply(known, ask.tokens, ask.prompt), busy), planner


def choose(name: str, say: Callable[[str], None], *, load: bool = False, seed: int = 1) -> AutoReport:
    """Answer some questions of every category in the world of that ``name``, by fixed chains, by auto, and once more.

    ``load``: every second answer takes twice as long. Raises SettingError for an unknown world.
    """
    if name not in WORLDS:
        raise SettingError(f"{name} is not a world that is known.", f"Choose one of {', '.join(WORLDS)}.")
    questions, made, busy = asks(seed), WORLDS[name], 2.0 if load else 1.0
    words = ", every second one under load" if load else ""
    report = AutoReport(f"{name}, simulated, {TOKENS} tokens an answer at most{words}, reading included")
    for chain in chains_of(made()):
        windows = f", {chain.windows[1]} sifted" if len(chain.windows) > 1 else ""
        title = f"{chain_in_words(chain)}{windows}"
        say(title)
        report.answers[title] = by_fixed(made(seed=seed), chain, questions, busy).answers
    say(AUTO)
    real = made(seed=seed)
    found, planner = by_auto(real, questions, None, busy)
    again, _ = by_auto(real, questions, planner, busy)
    report.answers |= {AUTO: found.answers, KEPT: again.answers}
    report.changes, report.ended = [*found.changes, *again.changes], [chain_in_words(planner.best or PLAIN)]
    return report


def _always(share: float, _at: float) -> float:
    return share
