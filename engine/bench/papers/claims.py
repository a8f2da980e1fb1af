"""What is published, and the ways of decoding that show what of it this machine gives.

Each figure was read in the paper's own abstract on arXiv, 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from engine.bench.papers.running import PLAIN, Way
from engine.config import PRESETS, TARGET, Exit, Lookup, Model, Preset, Stage
from engine.config.tailoring import tailored

_TARGET = Stage(Model(TARGET))


@dataclass(frozen=True, slots=True)
class Claim:
    """A published ratio, or a goal: of the mean over all that was tried, of the best case, or of the worst."""

    value: float
    kind: Literal["mean", "best", "worst"]

    def __str__(self) -> str:
        """Say it as a paper does."""
        return {"mean": "{:g}x on average", "best": "up to {:g}x", "worst": "never below {:g}x"}[self.kind].format(
            self.value
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ways to run a method and what it is held against; of both the fastest in the run counts.

    ``others`` run beside them. ``title``: what is compared, where a paper compares several things.
    """

    own: tuple[Way, ...]
    against: tuple[Way, ...]
    others: tuple[Way, ...] = ()
    title: str = ""

    @property
    def ways(self) -> tuple[Way, ...]:
        """All that have to run."""
        return (*self.against, *self.own, *self.others)


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper, or what is held against a ``goal`` of our own: ``claims`` over ``rival``.

    ``source``: where it is published; ``more``: what else it says that no ratio holds.
    """

    name: str
    title: str
    source: str
    rival: str
    comparisons: tuple[Comparison, ...]
    claims: tuple[Claim, ...] = ()
    more: str = ""
    goal: bool = False

    @property
    def mark(self) -> str:
        """What its claims are."""
        return "goal" if self.goal else "published"

    @property
    def published(self) -> str:
        """What is published, in a line; empty where nothing is."""
        if not self.claims:
            return ""
        return f"{self.mark}: {', '.join(map(str, self.claims))} over {self.rival}{self.more and f'; {self.more}'}"


def alone(stage: Stage, title: str, like: Stage) -> Way:
    """Return speculation with the source of ``stage`` alone below the target, its window as that of ``like``."""
    made = Stage(stage.source, like.window, trimmed=stage.trimmed)
    return Way(title, Preset(f"alone {title}", title, title, (made, _TARGET)))


DRAFT = Way("draft alone", PRESETS["draft"])


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
        (
            Comparison(
                (
                    Way("HiSpec", preset),
                    Way("HiSpec, as published", tailored(preset, recipe="paper")),
                    Way("HiSpec, published, no bonus", tailored(preset, recipe="paper-no-bonus")),
                ),
                singles,
            ),
        ),
        (Claim(1.28, "mean"), Claim(2.01, "best")),
    )


def hsd() -> Paper:
    """Return HSD, the chain it picks and the whole one, against one smaller model at a time."""
    preset = PRESETS["hsd"]
    _, qualifier, _ = preset.stages
    whole = Preset("hsd whole", "All three", preset.summary, preset.stages)
    return Paper(
        "hsd",
        "HSD",
        "Mohri et al., arXiv 2510.19705",
        "the best single draft model",
        (
            Comparison(
                (Way("HSD, as it picks", preset),),
                (DRAFT, alone(qualifier, "qualifier alone", qualifier)),
                (Way("HSD, all three", whole),),
            ),
        ),
        (Claim(1.2, "best"),),
    )


def pyramid() -> Paper:
    """Return PyramidSD, and both variants as published, against standard speculation with its draft."""
    preset = PRESETS["pyramid"]
    return Paper(
        "pyramidsd",
        "PyramidSD",
        "3-Model Speculative Decoding, arXiv 2510.12966",
        "standard speculation",
        (
            Comparison(
                (
                    Way("PyramidSD", preset),
                    Way("PyramidSD, as published", tailored(preset, kept="fuzzy", recipe="paper")),
                    Way("PyramidSD_A, as published", tailored(preset, kept="assisted", recipe="paper")),
                ),
                (DRAFT,),
            ),
        ),
        (Claim(1.91, "best"),),
        "124 tokens/s on an RTX 4090 (an 8B target, a 1B draft)",
    )


def policies() -> Paper:
    """Return each rule of when to stop and what to read, with and without."""
    draft, head, hispec = PRESETS["draft"], PRESETS["head"], PRESETS["hispec"]

    def bottom(preset: Preset, title: str, **changes: Any) -> Way:
        """Return ``preset`` with its lowest stage changed; by itself it goes on to the end of its window."""
        stage, *above = preset.stages
        window = replace(stage.window, **{"entropy": None, "confidence": 0.0, **changes.pop("window", {})})
        return Way(title, replace(preset, stages=(replace(stage, window=window, **changes), *above)))

    whole, whole_head = bottom(draft, "draft, whole windows"), bottom(head, "head, whole windows")
    lookup = PRESETS["lookup"]
    unsure, doubtful = {"window": {"entropy": 1.0}}, {"window": {"confidence": 0.8}}
    frugal = tuple(replace(stage, bonus=False) if isinstance(stage.source, Exit) else stage for stage in hispec.stages)
    pairs = (
        ("stop behind an even law", bottom(draft, "draft, entropy", **unsure), whole),
        ("stop when unsure of all", bottom(draft, "draft, confidence", **doubtful), whole),
        ("the same of the head", bottom(head, "head, confidence", **doubtful), whole_head),
        (
            "copies behind the longest ending",
            Way("lookup, 1 to 16 tokens", lookup),
            bottom(lookup, "lookup, 2 or 3 tokens", source=Lookup(3, 2), window={"confidence": None}),
        ),
        (
            "no more copies than pay",
            Way("lookup, 1 to 16 tokens", lookup),
            bottom(lookup, "lookup, all copies"),
        ),
        ("frequent tokens", whole, bottom(draft, "draft, all tokens", trimmed=False)),
        (
            "token after a whole window",
            Way("HiSpec", hispec),
            Way("HiSpec without that token", replace(hispec, stages=frugal)),
        ),
    )
    return Paper(
        "policies",
        "Policies",
        "arXiv: SVIP, 2411.18462; Kangaroo, 2404.18911; SuffixDecoding, 2411.04975; goodput, 2406.14066; "
        "FR-Spec, 2502.14856; HiSpec, 2510.01336",
        "the same without",
        tuple(Comparison((own,), (without,), title=title) for title, own, without in pairs),
    )


def auto() -> Paper:
    """Return what the engine picks by itself against plain decoding."""
    return Paper(
        "auto",
        "Auto",
        "our own goal",
        "plain decoding",
        (Comparison((Way("auto", PRESETS["auto"]),), (PLAIN,)),),
        (Claim(0.97, "worst"),),
        goal=True,
    )


PAPERS: Mapping[str, Callable[[], Paper]] = {
    "hispec": hispec,
    "hsd": hsd,
    "pyramidsd": pyramid,
    "policies": policies,
    "auto": auto,
}
