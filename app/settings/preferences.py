"""Holds the settings in force: replaces them, saves them, and emits each change once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.look.theme import CHOICES, MOTIONS, Look
from app.settings.file import SettingsFile
from app.settings.kinds import Unfit
from app.settings.options import OPTIONS, Settings
from app.threads.failure import Failure
from engine.errors import SettingError


class Preferences(QObject):
    """Holds ``settings``; ``given`` are values from the command line, which apply to this run and are not saved."""

    changed = Signal(object, object)  # the Settings before, the Settings now
    failed = Signal(object)  # Failure: a change holds, but could not be kept

    def __init__(self, file: SettingsFile, given: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.file = file
        read, self.problems = file.read()
        self.settings: Settings = replace(read, **(given or {}))
        self.given = frozenset(given or {})

    def change(self, **values: Any) -> None:
        """Apply ``values`` and save those that differ; raises Unfit for one its option cannot have."""
        checked = {name: OPTIONS[name].kind.check(value) for name, value in values.items()}
        different = {name: value for name, value in checked.items() if value != getattr(self.settings, name)}
        if not different:
            return
        before, self.settings = self.settings, replace(self.settings, **different)
        try:
            self.file.write(different)
        except SettingError as error:
            self.failed.emit(Failure(error.sentence, error.hint))
        self.changed.emit(before, self.settings)

    def zoom(self, by: int | None) -> None:
        """Make the text larger or smaller by ``by`` pixels, as far as it goes; None: as large as it was made."""
        option = OPTIONS["font_size"]
        size = option.default if by is None else self.settings.font_size + by
        with suppress(Unfit):
            self.change(font_size=option.kind.check(size))


def look_of(settings: Settings) -> Look:
    """Return the look that ``settings`` ask for."""
    choice = next(choice for choice in CHOICES if choice == settings.theme)
    motion = next(motion for motion in MOTIONS if motion == settings.motion)
    return Look(choice, settings.font_size, settings.marks == "safe", motion)
