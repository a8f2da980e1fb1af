"""Remembers which method was chosen for each model set."""

from __future__ import annotations

import json

from PySide6.QtCore import QSettings

from app.models.library import likely_device, starting_preset
from engine.config import PRESETS, ModelSet

KEPT = "models/methods"


class ChosenMethods:
    """Remembers in ``settings``, by the name of a set, what was chosen for it."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def of(self, models: ModelSet) -> str | None:
        """Return the method chosen for ``models``, else one that suits them; None if they are not on disk."""
        chosen = self._chosen().get(models.name)
        if chosen is not None and chosen in PRESETS and models.runs(PRESETS[chosen]):
            return chosen
        if not (models.target / "config.json").is_file():
            return None
        return starting_preset(models, likely_device()).name

    def remember(self, models: ModelSet, name: str) -> None:
        """Remember method ``name`` for ``models``, unless they start with it anyway."""
        if name != self.of(models):
            kept = json.dumps({**self._chosen(), models.name: name}, ensure_ascii=False)
            self._settings.setValue(KEPT, kept)

    def _chosen(self) -> dict[str, str]:
        try:
            kept = json.loads(str(self._settings.value(KEPT, "{}")))
        except ValueError:
            return {}
        return {str(name): str(value) for name, value in kept.items()} if isinstance(kept, dict) else {}
