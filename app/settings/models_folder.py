"""Model sets in a folder of the person's own."""

from __future__ import annotations

from pathlib import Path

from engine.config import ModelSet, models_in


def holds_model(folder: Path) -> bool:
    """Tell whether ``folder`` looks like one with a model in it."""
    try:
        return (folder / "config.json").is_file() or (folder / "target").is_dir()
    except OSError:
        return False


def model_sets_under(folder: str) -> list[ModelSet]:
    """Return a model set for every folder in ``folder`` that looks like one, by name; none if it cannot be read."""
    try:
        inside = sorted(Path(folder).iterdir()) if folder else []
        return [models_in(each) for each in inside if holds_model(each)]
    except OSError:
        return []
