"""How many proposed tokens stand by the rule that runs, and by those that others run, on the same windows.

Updraft keeps a token that the judge would write itself, with noise that all levels share. *Token verification*
(Leviathan et al., arXiv 2211.17192) and *block verification* (Sun et al., arXiv 2403.10444) draw the judge's token anew
and keep as much of the proposer's as its law allows: more, and replies that depend on who proposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from engine.config import PRESETS, Sampling, Stage
from engine.decoding.chain import build
from engine.decoding.hierarchy import Verifier
from engine.decoding.laws import Sampler
from engine.decoding.readers import Reader
from engine.decoding.sources import making
from engine.decoding.trunk import Trunk
from engine.events import Round
from engine.prompts import PROMPTS
from engine.session import Session

WINDOW = 6  # tokens proposed at a time
APART = 3  # tokens of an answer from one place tried to the next


@dataclass(frozen=True, slots=True)
class Kept:
    """How many tokens of a window are expected to stand with shared noise, and under the other rules."""

    shared: float
    block: float
    token: float


@dataclass(frozen=True, slots=True)
class Rules:
    """What the target keeps of each drafter's ``windows`` in the mean."""

    title: str
    windows: int
    kept: dict[str, Kept]

    def table(self) -> str:
        """Return tokens a round, the judge's own among them, as text."""
        head = f"{'drafter':<24}{'shared':>9}{'block':>9}{'token':>9}{'of block':>10}"
        lines = [f"{self.title}, {self.windows} windows", "", head]
        for drafter, kept in self.kept.items():
            rounds = [1 + kept.shared, 1 + kept.block, 1 + kept.token]
            figures = "".join(f"{tokens:>9.3f}" for tokens in rounds)
            lines.append(f"{drafter:<24}{figures}{rounds[0] / rounds[1]:>10.1%}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)


@torch.inference_mode()
def compare_rules(session: Session, sampling: Sampling, max_tokens: int, say: Callable[[str], None]) -> Rules:
    """Draw windows behind places in plain answers from every drafter that ``session`` has; judge each by every rule."""
    for preset in filter(session.models.runs, PRESETS.values()):
        list(session.prepare(preset))
    found: dict[str, list[Kept]] = {}
    windows = 0
    for number, prompt in enumerate(PROMPTS, start=1):
        say(f"answer {number} of {len(PROMPTS)}")
        start, tokens = _answer(session, prompt, replace(sampling, seed=number), max_tokens)
        sampler = Sampler(replace(sampling, seed=-number))  # windows are drawn anew, or they would be the answer
        windows += len(range(start, len(tokens), APART))
        for drafter, chain in _chains(session, sampler):
            for at in range(start, len(tokens), APART):
                chain.rewind(at - 1)
                draft = chain.below.reader  # type: ignore[attr-defined] # no lookup is among them
                found.setdefault(drafter, []).append(compare(draft, chain.reader, tokens[:at], sampler))
    means = {
        drafter: Kept(*(fmean(getattr(each, rule) for each in kept) for rule in Kept.__slots__))
        for drafter, kept in found.items()
    }
    settings = f"temperature {sampling.temperature:g}, top-p {sampling.top_p:g}"
    return Rules(f"{session.models.name}, {settings}: tokens a round of {WINDOW} proposed", windows, means)


def _answer(session: Session, prompt: str, sampling: Sampling, max_tokens: int) -> tuple[int, list[int]]:
    """Return how long a prompt is, and it with the tokens of a plain answer behind it."""
    asked = [("user", prompt)]
    tokens = list(session.tokenizer.render(asked))
    start = len(tokens)
    for event in session.reply(asked, preset=PRESETS["plain"], sampling=sampling, max_tokens=max_tokens):
        if isinstance(event, Round):
            tokens += [token.id for token in event.settled]
    return start, tokens


def _chains(session: Session, sampler: Sampler) -> Iterator[tuple[str, Verifier]]:
    """Yield each drafter below the target, over caches of their own: all that read a model in some preset."""
    trunks = {role: Trunk(model) for role, model in session.loaded.items()}
    plain = PRESETS["plain"]
    stages = [stage for preset in filter(session.models.runs, PRESETS.values()) for stage in preset.stages[:-1]]
    for source in dict.fromkeys(stage.source for stage in stages if stage.source.passes):
        chain = build(replace(plain, stages=(Stage(source), *plain.stages)), trunks, sampler, session.tokenizer.size)
        assert isinstance(chain, Verifier)  # noqa: S101 - two stages
        yield f"{source.title(bottom=True, top=False)}, {making(source).detail(session.loaded)}", chain


def compare(draft: Reader, judge: Reader, prefix: Sequence[int], sampler: Sampler) -> Kept:
    """Draw a window behind ``prefix`` from ``draft`` and judge it by every rule."""
    tape, guesses = list(prefix), list[Tensor]()
    for _ in range(WINDOW):
        guesses.append(draft.laws(tape, len(tape), 1).probs[0])
        tape += sampler.choose(guesses[-1][None], len(tape))
    own = judge.laws(tape, len(prefix), WINDOW).probs
    window, guess = tape[len(prefix) :], torch.stack(guesses)
    return Kept(shared(window, guess, own), block(window, guess, own), token(window, guess, own))


def shared(tokens: Sequence[int], guess: Tensor, own: Tensor) -> float:
    """Return how many of ``tokens`` are expected to be the judge's choices as well; laws [n, vocabulary].

    Both choose x with probability 1 / sum_y max(p_y / p_x, q_y / q_x) (arXiv 2408.07978).
    """
    rows = range(len(tokens))
    p, q = own.double(), guess.double()
    own_p, own_q = p[rows, tokens][:, None], q[rows, tokens][:, None]
    both = 1 / (p / own_p).maximum(q / own_q).sum(dim=1)  # 0 where the judge never chooses x
    agree: list[float] = (both / own_q[:, 0]).nan_to_num(0.0).tolist()
    return float(sum(accumulate(agree, lambda a, b: a * b)))


def token(tokens: Sequence[int], guess: Tensor, own: Tensor) -> float:
    """Return how many of ``tokens`` token verification is expected to keep; laws [n, vocabulary]."""
    return sum(accumulate((min(ratio, 1.0) for ratio in _ratios(tokens, guess, own)), lambda a, b: a * b))


def block(tokens: Sequence[int], guess: Tensor, own: Tensor) -> float:
    """Return how many of ``tokens`` block verification is expected to keep; laws [n, vocabulary]."""
    weights = list(accumulate(_ratios(tokens, guess, own), lambda weight, ratio: min(weight * ratio, 1.0), initial=1.0))
    expected, none = 0.0, 1.0
    for kept in range(len(tokens), 0, -1):
        passes = weights[kept]
        if kept < len(tokens):
            surplus = float((weights[kept] * own[kept] - guess[kept]).clamp(min=0).double().sum())
            rest = surplus + 1 - weights[kept]
            passes = surplus / rest if rest > 0 else 1.0
        expected, none = expected + kept * none * passes, none * (1 - passes)
    return expected


def _ratios(tokens: Sequence[int], guess: Tensor, own: Tensor) -> list[float]:
    rows = range(len(tokens))
    return (own[rows, tokens].double() / guess[rows, tokens].double()).tolist()
