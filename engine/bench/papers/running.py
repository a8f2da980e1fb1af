"""Every question through every way in turns, greedy and sampled, with what each level did and took."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from statistics import fmean
from typing import Literal, get_args

import torch

from engine.bench.papers.questions import Question
from engine.config import PRESETS, Preset, Sampling
from engine.events import Finished, LevelInfo, Round, Started, guesses
from engine.session import Session
from engine.tally import Tally

GREEDY, SAMPLED = "greedy", "sampled"
Place = Literal["guessing", "sifting", "deciding"]
PLACES: tuple[Place, ...] = get_args(Place)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of decoding: what it is called in a table, and the hierarchy."""

    title: str
    preset: Preset


PLAIN = Way("plain", PRESETS["plain"])


@dataclass(slots=True)
class Share:
    """What the levels of one place did over many replies.

    ``positions``: those of all its passes together. ``offered``: tokens handed up to them, of which ``stood`` stood
    there and ``vetoed`` were rejected; the others lay behind one that was.
    """

    passes: int = 0
    positions: int = 0
    seconds: float = 0.0
    offered: int = 0
    stood: int = 0
    vetoed: int = 0

    def add(self, other: Share) -> None:
        """Count what was done elsewhere, too."""
        for name in Share.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Levels:
    """Counts what the levels of replies did, by place, round by round; ``unaided``: rounds of the target alone."""

    shares: dict[Place, Share] = field(default_factory=dict)
    unaided: int = 0

    def add(self, round_: Round, infos: Sequence[LevelInfo], working: Sequence[int]) -> None:
        """Count a round of a reply with levels ``infos``, of which those ``working`` took part, bottom first."""
        at = [self._at(infos, index) for index in range(len(infos))]
        for made in round_.passes:
            share = at[made.level]
            share.passes += 1
            share.positions += made.tokens
            share.seconds += made.seconds
        judges = [level for level in sorted(working) if not guesses(infos, level)]
        for token in round_.tokens:
            if token.rejected_by is not None:
                at[token.rejected_by].vetoed += 1
            above = [level for level in judges if level > token.level]
            stood = sum(token.reached >= level for level in above)
            for level in above[: stood + 1]:
                at[level].offered += 1
                at[level].stood += token.reached >= level
        self.unaided += [made.tokens for made in round_.passes] == [1]

    def _at(self, infos: Sequence[LevelInfo], index: int) -> Share:
        place: Place = "guessing" if guesses(infos, index) else "sifting" if index < len(infos) - 1 else "deciding"
        return self.shares.setdefault(place, Share())


@dataclass(frozen=True, slots=True)
class Answer:
    """What a way made of one question, all turns together.

    ``reading``: seconds in which prompts were read; ``seconds``: those of all rounds. ``text``: of every turn.
    ``levels``: what the target did, the lowest level, and those between the two together. ``foreign``: tokens that the
    target would not have written, which favours what it would by ``lag`` nats in all.
    """

    question: int
    category: str
    tokens: int
    rounds: int
    reading: float
    seconds: float
    text: tuple[str, ...]
    levels: Levels = field(default_factory=Levels)
    foreign: int = 0
    lag: float = 0.0

    @property
    def turn(self) -> tuple[int, float]:
        """Tokens, and the seconds that Spec-Bench counts: those of the whole call, the prompt's reading among them."""
        return self.tokens, self.reading + self.seconds


def mean_pace(turns: Sequence[tuple[int, float]], left_out: int | None = None) -> float:
    """Return tokens a second as Spec-Bench defines their mean: that of all questions' own, but for one left out."""
    return fmean(tokens / seconds for at, (tokens, seconds) in enumerate(turns) if at != left_out)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run found: by sampling and way, an answer to each question, in the same order for all.

    ``left_out``: how many questions were not asked, and why.
    """

    model: str
    device: str
    samplings: Mapping[str, Sampling]
    max_tokens: int
    answers: Mapping[tuple[str, Way], tuple[Answer, ...]]
    left_out: str

    @property
    def settings(self) -> str:
        """What is common to all figures, in a line."""
        drawn = [
            name
            if sampling.temperature == 0
            else f"{name} at temperature {sampling.temperature:g}, top-p {sampling.top_p:g}"
            for name, sampling in self.samplings.items()
        ]
        count = len(next(iter(self.answers.values())))
        asked = f"{count} questions{self.left_out}, up to {self.max_tokens} tokens a turn"
        return f"{self.device}; {asked}; {' and '.join(drawn)}"


@torch.inference_mode()
def run(
    session: Session,
    ways: Sequence[Way],
    questions: Sequence[Question],
    sampling: Sampling,
    max_tokens: int,
    say: Callable[[str], None],
    minutes: float | None = None,
) -> Run:
    """Answer ``questions`` through plain decoding and all of ``ways``, greedily and by ``sampling``.

    Who begins changes from question to question, so that a machine that slows down slows nobody more than the others;
    each question has noise of its own, the same for all, so that what is exact writes the same text. After so many
    ``minutes`` no further question is asked, but for the second, without which nothing can be said.
    """
    ways = [PLAIN, *(way for way in dict.fromkeys(ways) if way != PLAIN)]
    samplings = {GREEDY: replace(sampling, temperature=0.0)}
    if sampling.temperature:
        samplings[SAMPLED] = sampling
    for way, drawn in product(ways, samplings.values()):  # loads what is missing, records, warms up
        for _ in session.reply([("user", "Hi")], preset=way.preset, sampling=drawn, max_tokens=4):
            pass
    fitting = [question for question in questions if _fits(session, question, max_tokens)]
    answers: dict[tuple[str, Way], list[Answer]] = {(name, way): [] for name in samplings for way in ways}
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    asked = 0
    for number, question in enumerate(fitting):
        if number > 1 and time.monotonic() > end:
            break
        asked += 1
        say(f"question {number + 1} of {len(fitting)}: {question.category}")
        first = number % len(ways)
        for name, drawn in samplings.items():
            for way in (*ways[first:], *ways[:first]):
                answers[name, way].append(_answer(session, way, question, replace(drawn, seed=number), max_tokens))
    return Run(
        model=session.models.name,
        device=_device(session),
        samplings=samplings,
        max_tokens=max_tokens,
        answers={key: tuple(given) for key, given in answers.items()},
        left_out=_left_out(len(questions) - len(fitting), len(fitting) - asked),
    )


def _left_out(long: int, late: int) -> str:
    """Say how many questions were not asked."""
    reasons = (long, "too long for this model"), (late, "left out for time")
    told = " and ".join(f"{count} {reason}" for count, reason in reasons if count)
    return told and f" ({told})"


def _device(session: Session) -> str:
    if session.device.type == "cuda":
        return f"{torch.cuda.get_device_name(session.device)}, torch {torch.__version__}, {session.how}"
    threads = torch.get_num_threads()
    return f"CPU, torch {torch.__version__}, {threads} {'thread' if threads == 1 else 'threads'}"


def _fits(session: Session, question: Question, max_tokens: int) -> bool:
    """Tell whether the model can hold the whole conversation, however long its answers get."""
    asked = session.count([("user", turn) for turn in question.turns])  # some templates refuse two questions in a row
    return asked + len(question.turns) * (max_tokens + 16) <= session.context(PRESETS["plain"])


def _answer(session: Session, way: Way, question: Question, sampling: Sampling, max_tokens: int) -> Answer:
    """Ask ``question`` turn by turn."""
    for _ in session.prepare(way.preset):  # as the program does when it loads, and between replies
        pass
    _forget(session)
    messages, ends, levels, rounds = list[tuple[str, str]](), list[Finished](), Levels(), 0
    for said in question.turns:
        messages.append(("user", said))
        tally = Tally()
        for event in session.reply(messages, preset=way.preset, sampling=sampling, max_tokens=max_tokens):
            tally.add([event])
            if isinstance(event, Round):
                infos = [level.info for level in tally.levels]
                levels.add(event, infos, tally.plans[-1].plan.working if tally.plans else range(len(infos)))
        assert tally.finished is not None  # noqa: S101 - as every reply ends
        ends.append(tally.finished)
        rounds += tally.rounds
        messages.append(("assistant", tally.finished.text))
    return Answer(
        question=question.id,
        category=question.category,
        tokens=sum(end.tokens for end in ends),
        rounds=rounds,
        reading=sum(end.prefill_seconds for end in ends),
        seconds=sum(end.seconds for end in ends),
        text=tuple(end.text for end in ends),
        levels=levels,
        foreign=sum(end.foreign or 0 for end in ends),
        lag=sum(end.lag for end in ends),
    )


def _forget(session: Session) -> None:
    """Drop what the caches hold but for the template's opening, so that every way reads the prompt itself."""
    for event in session.reply([("user", "-")], preset=PRESETS["plain"], max_tokens=1):
        if isinstance(event, Started):
            return
