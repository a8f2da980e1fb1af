"""What a pass costs and what speculation buys, on this machine, as ratios within one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch

from engine.config import PRESETS, Preset, Sampling
from engine.events import Finished, LevelInfo, Loading, Round, Started
from engine.prompts import PROMPTS
from engine.session import Session
from engine.terminal import Tally

WIDTHS = (1, 2, 3, 4, 5, 6, 8, 12, 16)  # tokens in a timed pass


@dataclass(frozen=True, slots=True)
class PassCost:
    """The median milliseconds of one pass of a whole model, by how many tokens it has: the cost c(n)."""

    model: str
    milliseconds: dict[int, float]

    def ratio(self, tokens: int) -> float:
        """Return c(tokens) / c(1)."""
        return self.milliseconds[tokens] / self.milliseconds[1]


@dataclass(frozen=True, slots=True)
class Speed:
    """One preset over all prompts: tokens per second, how often each judge keeps a token, tokens per target pass."""

    preset: str
    lossless: bool
    tokens: int
    seconds: float
    kept: dict[str, float]
    tokens_per_round: float

    @property
    def tokens_per_second(self) -> float:
        """Tokens over seconds, prefill left out."""
        return self.tokens / self.seconds


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run measured."""

    device: str
    threads: int
    torch: str
    sampling: str
    passes: tuple[PassCost, ...]
    speeds: tuple[Speed, ...]

    def table(self) -> str:
        """Return the figures as text."""
        head = f"{self.device}, {self.threads} threads, torch {self.torch}, {self.sampling}"
        widths = "".join(f"{n:>8}" for n in WIDTHS)
        lines = [head, "", f"{'ms per pass of n =':<20}{widths}"]
        for cost in self.passes:
            lines.append(f"{cost.model:<20}" + "".join(f"{cost.milliseconds[n]:>8.2f}" for n in WIDTHS))
            lines.append(f"{'  times c(1)':<20}" + "".join(f"{cost.ratio(n):>8.2f}" for n in WIDTHS))
        lines += ["", f"{'preset':<10}{'tokens/s':>10}{'x plain':>9}{'tokens/round':>14}   kept by each judge"]
        plain = next((s.tokens_per_second for s in self.speeds if s.preset == "plain"), None)
        for speed in self.speeds:
            factor = f"{speed.tokens_per_second / plain:.2f}" if plain else "-"
            kept = ", ".join(f"{name} {share:.0%}" for name, share in speed.kept.items())
            lossy = "" if speed.lossless else "  (lossy)"
            lines.append(
                f"{speed.preset:<10}{speed.tokens_per_second:>10.1f}{factor:>9}{speed.tokens_per_round:>14.2f}"
                f"   {kept}{lossy}"
            )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)


def measure(
    session: Session, presets: Sequence[Preset], sampling: Sampling, max_tokens: int, say: Callable[[str], None]
) -> Report:
    """Time the passes of every loaded model, then every preset on every prompt.

    Presets take turns prompt by prompt, so that a machine that slows down slows all of them.
    """
    counts = {preset.name: _Count() for preset in presets}
    device = ""
    for number, prompt in enumerate(PROMPTS, start=1):
        say(f"prompt {number} of {len(PROMPTS)}")
        for preset in presets:
            for event in session.reply([("user", prompt)], preset=preset, sampling=sampling, max_tokens=max_tokens):
                device = event.device if isinstance(event, Started) else device
                if not isinstance(event, Loading):
                    counts[preset.name].add(event)
    say("passes")
    costs = tuple(pass_cost(role, session) for role in session.loaded)
    settings = "greedy" if sampling.temperature == 0 else f"temperature {sampling.temperature}, top-p {sampling.top_p}"
    speeds = tuple(counts[preset.name].speed(preset) for preset in presets)
    return Report(device, torch.get_num_threads(), torch.__version__, settings, costs, speeds)


class _Count:
    """Sums over the replies of one preset."""

    def __init__(self) -> None:
        self.levels: tuple[LevelInfo, ...] = ()
        self.tally = Tally()
        self.rounds = self.tokens = 0
        self.seconds = 0.0

    def add(self, event: object) -> None:
        if isinstance(event, Started):
            self.levels = event.levels
        elif isinstance(event, Round):
            self.tally.add(event)
            self.rounds += 1
        elif isinstance(event, Finished):
            self.tokens += event.tokens
            self.seconds += event.seconds

    def speed(self, preset: Preset) -> Speed:
        tallies = ((info.title, self.tally.levels[i]) for i, info in enumerate(self.levels))
        kept = {title: tally.kept / tally.judged for title, tally in tallies if tally.judged}
        return Speed(preset.name, preset.lossless, self.tokens, self.seconds, kept, self.tokens / self.rounds)


@torch.inference_mode()
def pass_cost(role: str, session: Session, context: int = 64, repeats: int = 15) -> PassCost:
    """Time whole passes of the model of ``role`` behind ``context`` cached tokens: layers, norm and head."""
    model = session.loaded[role]
    cache = model.new_cache(context + max(WIDTHS))
    everything = range(model.layers)

    def run(n: int) -> float:
        hidden = model.embed(torch.zeros(n, dtype=torch.int64, device=model.device))
        began = time.perf_counter()
        logits = model.read(model.run(hidden, everything, cache))
        float(logits[-1, 0])  # waits for a GPU
        seconds = time.perf_counter() - began
        cache.rewind(context)
        return seconds

    run(context)
    cache.settle(everything, context)
    times: dict[int, list[float]] = {n: [] for n in WIDTHS}
    for _ in range(repeats):
        for n in WIDTHS:
            times[n].append(run(n))
    return PassCost(role, {n: 1000 * median(found) for n, found in times.items()})


def presets_of(session: Session, names: Iterable[str]) -> list[Preset]:
    """Return the presets of ``names`` that the session's models can run; all names if there are none."""
    chosen = [PRESETS[name] for name in names] or list(PRESETS.values())
    return [preset for preset in chosen if session.models.runs(preset)]
