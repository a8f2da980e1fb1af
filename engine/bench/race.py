"""Updraft and llama.cpp on the same model in turns: the same prompts, threads and settings, so that ratios hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from engine.bench.llama import LlamaCpp
from engine.bench.passes import pass_cost
from engine.bench.replies import PROSE
from engine.bench.report import PassCost, error_of_ratio, pace
from engine.config import PRESETS, Preset, Sampling
from engine.events import Finished
from engine.prompts import PROMPTS
from engine.session import Session

WIDTHS = (1, 2, 4, 8)  # tokens of the passes that are shown
LONG = 1000  # tokens of the prompt that is read
TIMES = 5  # that it is read by each
RIVAL = "llama.cpp"


@dataclass(frozen=True, slots=True)
class Lane:
    """One runner: tokens and seconds of every turn, the same turns in the same order for all that run."""

    name: str
    turns: tuple[tuple[int, float], ...]

    @property
    def tokens_per_second(self) -> float:
        """Tokens over seconds, of all turns."""
        return pace(self.turns)

    def ratio(self, other: Lane) -> tuple[float, float]:
        """Return how many times as fast it is as ``other``, and the error of that, by the jackknife over turns."""
        return pace(self.turns) / pace(other.turns), error_of_ratio(self.turns, other.turns)


@dataclass(frozen=True, slots=True)
class Race:
    """What one run found: ``speeds`` of writing and ``reading`` of a long prompt, the rival's first in both."""

    title: str
    settings: str
    speeds: tuple[Lane, ...]
    reading: tuple[Lane, ...]
    passes: tuple[PassCost, ...]

    def table(self) -> str:
        """Return the figures as text."""
        length = self.reading[0].turns[0][0]
        lines = [self.title, self.settings, ""]
        lines += _column(self.speeds, f"{'':<26}{'tokens/s':>10}{'x llama.cpp':>16}{'x plain':>16}")
        lines += ["", *_column(self.reading, f"a prompt of {length:,} tokens")]
        lines += ["", f"{'ms per pass of n =':<26}" + "".join(f"{n:>8}" for n in WIDTHS)]
        for cost in self.passes:
            lines.append(f"{cost.model:<26}" + "".join(f"{cost.milliseconds[n]:>8.2f}" for n in WIDTHS))
            lines.append(f"{'  times c(1)':<26}" + "".join(f"{cost.ratio(n):>8.2f}" for n in WIDTHS))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            **asdict(self),
            "tokens_per_second": {speed.name: speed.tokens_per_second for speed in self.speeds},
            "prompt_tokens_per_second": {speed.name: speed.tokens_per_second for speed in self.reading},
        }


def _column(speeds: Sequence[Lane], heading: str) -> list[str]:
    """Return a line for each of ``speeds``, against the first, the rival's, and the second, plain decoding's."""
    rival, plain, *_ = speeds
    lines = [heading]
    for speed in speeds:
        against = "" if speed is rival else _ratio(speed, rival)
        of_plain = "" if speed in (rival, plain) else _ratio(speed, plain)
        lines.append(f"{speed.name:<26}{speed.tokens_per_second:>10,.1f}{against:>16}{of_plain:>16}".rstrip())
    return lines


def _ratio(speed: Lane, other: Lane) -> str:
    value, error = speed.ratio(other)
    return f"{value:.2f} ± {error:.2f}"


@torch.inference_mode()
def race(
    session: Session,
    rival: LlamaCpp,
    presets: Sequence[Preset],
    sampling: Sampling,
    max_tokens: int,
    say: Callable[[str], None],
    *,
    context: int,
) -> Race:
    """Answer every prompt by both, plain and through ``presets``; read a long one; time passes behind ``context``.

    Who begins changes from prompt to prompt, so that a machine that slows down slows nobody more than the other.
    """
    presets = [PRESETS["plain"], *(preset for preset in presets if preset.name != "plain")]
    for preset in presets:  # loads what is missing and warms up
        for _ in session.reply([("user", "Hi")], preset=preset, sampling=sampling, max_tokens=4):
            pass
    rival.answer(session.tokenizer.render([("user", "Hi")]), 4, sampling)
    speeds = _writing(session, rival, presets, sampling, max_tokens, say)
    say("a long prompt")
    reading = _reading(session, rival)
    say("passes")
    passes = tuple(pass_cost(role, model, context, 0.0) for role, model in session.loaded.items())
    settings = "greedy" if sampling.temperature == 0 else f"temperature {sampling.temperature}, top-p {sampling.top_p}"
    threads = torch.get_num_threads()
    return Race(
        title=f"{session.models.name} against llama.cpp {rival.release}",
        settings=f"CPU, threads: {threads} and {rival.threads}, torch {torch.__version__}, {settings}",
        speeds=speeds,
        reading=reading,
        passes=passes,
    )


def _writing(
    session: Session,
    rival: LlamaCpp,
    presets: Sequence[Preset],
    sampling: Sampling,
    max_tokens: int,
    say: Callable[[str], None],
) -> tuple[Lane, ...]:
    """Return the rival's speed and those of ``presets`` over all prompts."""
    turns: dict[str, list[tuple[int, float]]] = {RIVAL: [], **{preset.name: [] for preset in presets}}
    for number, prompt in enumerate(PROMPTS, start=1):
        say(f"prompt {number} of {len(PROMPTS)}")
        messages = [("user", prompt)]
        for preset in (None, *presets)[:: 1 if number % 2 else -1]:
            if preset is None:
                answer = rival.answer(session.tokenizer.render(messages), max_tokens, sampling)
                turns[RIVAL].append((answer.tokens, answer.seconds))
            else:
                done = _finished(session, messages, preset, sampling, max_tokens)
                turns[preset.name].append((done.tokens, done.seconds))
    return tuple(Lane(name, tuple(taken)) for name, taken in turns.items())


def _reading(session: Session, rival: LlamaCpp) -> tuple[Lane, ...]:
    """Return the speeds at which both read a long prompt, to the first token of its answer."""
    length = min(LONG, session.context(PRESETS["plain"]) // 2)
    once, twice = (session.count([("user", PROSE * times)]) for times in (1, 2))
    text = PROSE * max(1, (length - once) // (twice - once))
    theirs, ours = list[tuple[int, float]](), list[tuple[int, float]]()
    greedy = Sampling(temperature=0)
    for time in range(TIMES + 1):  # the first only warms up
        messages = [("user", f"{time}. {text}")]  # no prefix is shared
        ids = session.tokenizer.render(messages)
        for rivals in (True, False) if time % 2 else (False, True):
            if rivals:
                theirs.append((len(ids), rival.answer(ids, 1, greedy).prompt))
            else:
                done = _finished(session, messages, PRESETS["plain"], greedy, 1)
                ours.append((len(ids), done.prefill_seconds + done.seconds))
    return Lane(RIVAL, tuple(theirs[1:])), Lane("Updraft", tuple(ours[1:]))


def _finished(
    session: Session, messages: Sequence[tuple[str, str]], preset: Preset, sampling: Sampling, max_tokens: int
) -> Finished:
    """Answer ``messages`` and return how that ended."""
    *_, last = session.reply(messages, preset=preset, sampling=sampling, max_tokens=max_tokens)
    assert isinstance(last, Finished)  # noqa: S101 - as every reply ends
    return last
