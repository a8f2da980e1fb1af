"""A method as somebody wants it: windows, the rule that tokens are kept by and how loose it is, a paper's settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from engine.config import USUAL, Acceptance, Preset, Stage, Way
from engine.config.acceptance import rule_of
from engine.config.published import published

Kept = Literal["preset"] | Way  # "preset": by the rules that the method has
Recipe = Literal["ours", "paper", "paper-no-bonus"]
WAYS = MappingProxyType(
    {
        "preset": "As the method has it",
        "exact": "Exact",
        "fuzzy": "Where the models are of one mind (lossy)",
        "assisted": "The same, for the big model alone (lossy)",
        "likely": "Where it finds a guess likely enough (lossy)",
        "trusted": "Where the guesser is sure (lossy)",
    }
)
RECIPES = MappingProxyType(
    {"ours": "What proved best here", "paper": "The paper’s", "paper-no-bonus": "The paper’s, without a bonus word"}
)


def tailored(
    preset: Preset,
    windows: Sequence[int] = (),
    kept: Kept = "preset",
    tolerance: float = USUAL,
    recipe: Recipe = "ours",
) -> Preset:
    """Return ``preset`` with ``windows`` (tokens per level below the target, bottom first; empty: its own).

    ``kept``: by which rule of acceptance, and by "preset" whatever it has; ``tolerance``: how loose one that is LOSSY
    is, from 0, which is exact, to 1. ``recipe``: whose windows those are that were not given. Chosen windows, or a rule
    that is not exact, are not planned over.
    """
    if recipe != "ours":
        preset = published(preset, "assisted" if kept == "assisted" else "fuzzy", bonus=recipe == "paper")
    if preset.gathers:
        kept = "exact"  # it promises the model's own words, whatever chain it finds
    stages = list(preset.stages)
    for index, tokens in enumerate(windows[: len(stages) - 1]):
        stages[index] = replace(stages[index], window=replace(stages[index].window, tokens=tokens))
    for index in range(preset.guessing, len(stages)):
        judged = range(index) if index == preset.guessing else range(index - 1, index)
        acceptance = _acceptance(stages, judged, index, kept, tolerance)
        stages[index] = replace(stages[index], acceptance=acceptance)
        if acceptance.rule == "fuzzy":  # laws over other tokens are never near
            for at in (*judged, index):
                stages[at] = replace(stages[at], trimmed=False)
    made = replace(preset, stages=tuple(stages))
    return replace(made, planned=preset.planned and not windows and made.lossless)


def _acceptance(stages: Sequence[Stage], judged: range, index: int, kept: Kept, tolerance: float) -> Acceptance:
    """Return how the level at ``index`` judges those it ``judged``; copies have no laws to compare with."""
    top = index == len(stages) - 1
    rule = stages[index].acceptance.rule if kept == "preset" else rule_of(kept, top=top)
    found = Acceptance(rule).at(tolerance, top=top)
    return Acceptance() if found.compares and not any(stages[at].source.judges for at in judged) else found
