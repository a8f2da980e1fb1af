"""What is published, and the ways of decoding that show what of it this machine gives.

Each figure was read in the paper's own abstract on arXiv, 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from engine.bench.papers.running import Way
from engine.config import PRESETS, TARGET, Exit, Model, Preset, Stage

_TARGET = Stage(Model(TARGET))


@dataclass(frozen=True, slots=True)
class Claim:
    """A published ratio: of the mean over all that was tried, or of the best case."""

    value: float
    kind: Literal["mean", "best"]

    def __str__(self) -> str:
        """Say it as a paper does."""
        return f"{self.value:g}x on average" if self.kind == "mean" else f"up to {self.value:g}x"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A way and those it is held against, of which the fastest in the run counts; ``others`` run beside them."""

    way: Way
    against: tuple[Way, ...]
    others: tuple[Way, ...] = ()

    @property
    def ways(self) -> tuple[Way, ...]:
        """All that have to run."""
        return (*self.against, self.way, *self.others)


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper: ``claims`` over ``rival``, and what runs to compare; ``more``: what else it says that no ratio holds."""

    name: str
    title: str
    source: str
    rival: str
    comparisons: tuple[Comparison, ...]
    claims: tuple[Claim, ...] = ()
    more: str = ""

    @property
    def published(self) -> str:
        """What is published, in a line."""
        if not self.claims:
            return "no figure is published for this"
        return f"published: {', '.join(map(str, self.claims))} over {self.rival}{self.more and f'; {self.more}'}"


def alone(stage: Stage, title: str, like: Stage | None = None) -> Way:
    """Return speculation with the source of ``stage`` alone below the target, its window as that of ``like``."""
    made = Stage(stage.source, (like or stage).window, trimmed=stage.trimmed)
    return Way(title, Preset(f"alone {title}", title, title, (made, _TARGET)))


def hispec() -> Paper:
    """Return HiSpec against speculation by one exit, of the same two, with the window that HiSpec's lowest has."""
    preset = PRESETS["hispec"]
    exits = [(stage, stage.source.depth) for stage in preset.stages if isinstance(stage.source, Exit)]
    like, _ = exits[0]
    singles = tuple(alone(stage, f"exit at {Fraction(depth).limit_denominator(64)}", like) for stage, depth in exits)
    return Paper(
        "hispec",
        "HiSpec",
        "Kumar et al., arXiv 2510.01336",
        "single-layer speculation from the same exits",
        (Comparison(Way("HiSpec", preset), singles, _named("hispec")),),
        (Claim(1.28, "mean"), Claim(2.01, "best")),
    )


def hsd() -> Paper:
    """Return HSD, the chain it picks and the whole one, against one smaller model at a time."""
    preset = PRESETS["hsd"]
    draft, qualifier, _ = preset.stages
    whole = Preset("hsd whole", "All three", preset.summary, preset.stages)
    return Paper(
        "hsd",
        "HSD",
        "Mohri et al., arXiv 2510.19705",
        "the best single draft model",
        (
            Comparison(
                Way("HSD, as it picks", preset),
                (alone(draft, "draft alone", PRESETS["draft"].stages[0]), alone(qualifier, "qualifier alone")),
                (Way("HSD, all three", whole),),
            ),
        ),
        (Claim(1.2, "best"),),
    )


def pyramid() -> Paper:
    """Return PyramidSD against standard speculation with its draft."""
    return Paper(
        "pyramidsd",
        "PyramidSD",
        "3-Model Speculative Decoding, arXiv 2510.12966",
        "standard speculation",
        (Comparison(Way("PyramidSD", PRESETS["pyramid"]), (DRAFT,), _named("pyramid")),),
        (Claim(1.91, "best"),),
        "124 tokens/s on an RTX 4090 (an 8B target, a 1B draft)",
    )


DRAFT = Way("standard speculation", PRESETS["draft"])


def _named(family: str) -> tuple[Way, ...]:
    """Return the other presets whose names begin so."""
    return tuple(
        Way(preset.title, preset) for name, preset in PRESETS.items() if name.startswith(family) and name != family
    )


PAPERS: Mapping[str, Callable[[], Paper]] = {"hispec": hispec, "hsd": hsd, "pyramidsd": pyramid}
