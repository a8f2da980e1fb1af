"""The model set used last, so that the next start begins with it."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QSettings

from engine.config import ModelSet

KEPT = "models/last"
FORMER = ("Starter", "Tiny (early exits)")  # sets of earlier versions, for which the starter stands in


def remember(settings: QSettings, models: ModelSet) -> None:
    """Keep ``models`` as the set used last."""
    folders = {role: str(folder) for role, folder in models.models.items()}
    settings.setValue(KEPT, json.dumps({**folders, "name": models.name}, ensure_ascii=False))


def remembered(settings: QSettings) -> ModelSet | None:
    """Return the set used last, whether or not it is still there; None where none was kept or it cannot be read."""
    try:
        kept = json.loads(str(settings.value(KEPT, "")))
        name = str(kept.pop("name"))
        return ModelSet(name, {role: Path(folder) for role, folder in kept.items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def forget(settings: QSettings) -> None:
    """Start with the starter from now on."""
    settings.remove(KEPT)


def begun_with(settings: QSettings, starter: ModelSet) -> tuple[ModelSet, ModelSet | None]:
    """Return the set to start with, and the set used last if it is missing, so that ``starter`` takes its place."""
    last = remembered(settings)
    if last is None or last.name in (starter.name, *FORMER):
        return starter, None
    return (last, None) if is_there(last) else (starter, last)


def is_there(models: ModelSet) -> bool:
    """Tell whether every folder of ``models`` can be reached."""
    try:
        return all(folder.is_dir() for folder in models.models.values())
    except OSError:
        return False
