"""Reads from config.json how a checkpoint's weights are stored: in a form we read, or in one we cannot."""

from __future__ import annotations

from typing import Any, Literal

from engine.architecture.settings import Settings
from engine.errors import CheckpointError

Form = Literal["16-bit", "nf4", "grouped"]
GROUP = 32  # weights that share a scale in the form of our own
SCALE, MINIMUM = "group_scale", "group_min"  # how the names of the tensors beside its codes end
# transformers warns of a quant_method it does not know, and reads the codes as if they were weights: it refuses only
# what names none.
RECIPE = {"format": "updraft-grouped", "group_size": GROUP}
KNOWN_BY = {  # quant_method, as its makers spell it
    "gptq": "GPTQ",
    "awq": "AWQ",
    "fp8": "FP8",
    "fbgemm_fp8": "FP8",
    "mxfp4": "MXFP4",
    "hqq": "HQQ",
    "aqlm": "AQLM",
    "gguf": "GGUF",
}


def form_of(settings: Settings) -> Form:
    """Return how the matrices of the layers are stored; raises CheckpointError for what Updraft cannot read."""
    recipe = settings.values.get("quantization_config")
    other = settings.values.get("quantization")  # MLX writes both, alike; the first of them without a method
    if isinstance(other, dict) and not _method(recipe):
        raise _refused(settings, "for MLX, which runs on Apple's chips")
    if not recipe:
        return "16-bit"
    if not isinstance(recipe, dict):
        raise settings.refused("quantization_config", "where a table of values belongs")
    method = _method(recipe)
    if not method and recipe.get("format") == RECIPE["format"]:
        return _grouped(settings, recipe)
    if method != "bitsandbytes":
        raise _refused(settings, f"with {KNOWN_BY.get(method, method) or 'a method it does not name'}")
    if recipe.get("load_in_4bit") is not True:
        raise _refused(settings, "to 8 bits by bitsandbytes")
    kind = recipe.get("bnb_4bit_quant_type", "fp4")  # bitsandbytes' own default
    if kind != "nf4":
        raise _refused(settings, f"to 4 bits by bitsandbytes as {str(kind).upper()[:20]}, not as NF4")
    return "nf4"


def _grouped(settings: Settings, recipe: dict[str, Any]) -> Form:
    """Return the form whose matrices ``engine.model.grouped`` reads; some of them may be NF4 or 16-bit all the same."""
    if recipe.get("group_size") != GROUP:
        raise settings.refused("quantization_config", f"but Updraft has groups of {GROUP} only")
    return "grouped"


def _method(recipe: Any) -> str:
    """Return the name of the method; old files of bitsandbytes give its settings without it."""
    if not isinstance(recipe, dict):
        return ""
    if any(str(key).startswith(("load_in_", "bnb_")) for key in recipe) and not recipe.get("quant_method"):
        return "bitsandbytes"
    method = recipe.get("quant_method")
    return method[:40] if isinstance(method, str) else ""


def _refused(settings: Settings, how: str) -> CheckpointError:
    return CheckpointError(
        f"{settings.name} is quantised {how}, which Updraft cannot read.",
        "Choose the 16-bit model, which Updraft quantises itself, or a copy ending in bnb-4bit.",
    )
