"""What a model's makers suggest for drawing tokens: its generation_config.json, read with care. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.config import Chosen
from engine.errors import CheckpointError, SettingError
from engine.files import present, read_object

NAME = "generation_config.json"
NUMBERS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


def read_generation(folder: Path) -> dict[str, Any]:
    """Return what the file holds, nothing where there is none; raises CheckpointError where it cannot be read."""
    return read_object(folder / NAME) if present(folder / NAME) else {}


def suggested(folder: Path, name: str) -> tuple[Chosen, str]:
    """Return what the makers of the model called ``name`` suggest, and a sentence about what of it makes no sense."""
    try:
        values = read_generation(folder)
    except CheckpointError:
        return Chosen(), f"{name} has a damaged {NAME}; the usual settings are used instead of its own."
    taken: dict[str, Any] = {}
    odd = []
    for key in NUMBERS:
        if (value := values.get(key)) is None:
            continue
        number = _number(key, value)
        if number is None:
            odd.append(key)
        else:
            taken[key] = number
    if values.get("do_sample") is False:
        taken = {"temperature": 0.0}  # the makers want the likeliest token, whatever else the file says
    note = f"{name} suggests a {' and a '.join(odd)} that cannot be used; the usual one is." if odd else ""
    return Chosen(**taken), note


def _number(key: str, value: object) -> float | int | None:
    """Return ``value`` as Sampling takes it, None where it does not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number: float | int = float(value)
    if key == "top_k":
        if number != number // 1:
            return None
        number = max(int(value), 0)  # some write -1 for off
    given: dict[str, Any] = {key: number}
    try:
        Chosen(**given)
    except SettingError:
        return None
    return number
