"""Finds model sets in a folder the user chose."""

from __future__ import annotations

from pathlib import Path

from engine.config import ModelSet, holds_model, models_in


def model_sets_under(folder: str) -> list[ModelSet]:
    """Return a model set for every folder in ``folder`` that looks like one, by name; none if it cannot be read."""
    try:
        inside = sorted(Path(folder).iterdir()) if folder else []
        return [models_in(each) for each in inside if holds_model(each)]
    except OSError:
        return []
