"""What the papers ran a method with, where that differs from what proves best here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from engine.config import TARGET, Exit, Model, Preset, Stage, Way, Window

# HiSpec (arXiv 2510.01336): exits after 1/8 and 1/4 of the layers, two tokens a draft, four or more before the whole
# model looks. Whether a checker that keeps all of them writes one more is not said; ``bonus`` leaves both open.
_HISPEC = (Stage(Exit(1 / 8), Window(2)), Stage(Exit(1 / 4), Window(4)), Stage(Model(TARGET)))
# PyramidSD (arXiv 2510.12966): the fastest setting of each variant, tokens a draft and before the target looks.
_PYRAMID: Mapping[Way, tuple[int, int]] = MappingProxyType({"fuzzy": (15, 25), "assisted": (5, 25)})


def published(preset: Preset, way: Way = "fuzzy", *, bonus: bool = True) -> Preset:
    """Return ``preset`` with the windows of its paper; itself where none are known.

    ``way``: which variant's windows, of a method with several. ``bonus``: whether a judge of HiSpec writes another
    token where it kept all that was proposed.
    """
    if preset.name == "hispec":
        bottom, *judges = _HISPEC
        return replace(preset, stages=(bottom, *(replace(stage, bonus=bonus) for stage in judges)))
    if preset.name == "pyramid" and (sizes := _PYRAMID.get(way)):
        *below, target = preset.stages
        pairs = zip(below, sizes, strict=True)
        return replace(preset, stages=(*(replace(stage, window=Window(size)) for stage, size in pairs), target))
    return preset
