"""Stores changed settings in one readable file, by section; reports and keeps what it does not understand."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.desktop.files import obstructed, replace_text
from app.settings.kinds import Unfit
from app.settings.options import OPTIONS, SECTIONS, Settings
from engine.errors import SettingError

ABANDONED = 60  # seconds after which nobody is still writing the settings
Document = dict[str, Any]  # section -> option -> value, as it stands in the file


class SettingsFile:
    """Reads and writes the settings at ``path``, which need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Settings, tuple[str, ...]]:
        """Return the settings, defaults in place of what cannot be used, and a sentence for each of those."""
        document, trouble = self._load()
        if trouble:
            return Settings(), (trouble,)
        values, complaints = _understand(document)
        return replace(Settings(), **values), tuple(f"{self.path.name}: {complaint}" for complaint in complaints)

    def write(self, changes: Mapping[str, Any]) -> None:
        """Write ``changes`` into the file and leave the rest alone; the old file stays until the new one is complete.

        A file that is no JSON is first set aside under a name with the date. Raises SettingError if the disk refuses.
        """
        document, trouble = self._load()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if trouble and self.path.exists():
                self.path.rename(self.path.with_name(f"settings-unreadable-{datetime.now():%Y%m%d-%H%M%S}.json"))
            for name, value in changes.items():
                option = OPTIONS[name]
                section = document.get(option.section)
                if not isinstance(section, dict):
                    section = document[option.section] = {}
                section[name] = option.kind.plain(value)
            _replace(self.path, _written(document))
        except OSError as error:
            raise SettingError(
                f"The settings could not be saved in {self.path.parent}: {error.strerror or error}.",
                "What you chose holds until Updraft is closed. Make room on that drive and choose it again.",
            ) from error

    def _load(self) -> tuple[Document, str]:
        """Return what the file holds, and a sentence where that cannot be read."""
        kept = "the defaults are used and the file is kept."
        if obstructed(self.path):
            return {}, f"{self.path} is not a file; {kept}"
        try:
            document = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}, ""
        except RecursionError:
            return {}, f"{self.path} cannot be read (it is nested too deeply); {kept}"
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return {}, f"{self.path} cannot be read ({reason}); {kept}"
        if not isinstance(document, dict):
            return {}, f"{self.path} holds no settings; {kept}"
        return document, ""


def _understand(document: Document) -> tuple[dict[str, Any], list[str]]:
    """Return the usable values, and what is wrong with the others."""
    values: dict[str, Any] = {}
    complaints: list[str] = []
    for section, entries in document.items():
        if section not in SECTIONS or not isinstance(entries, dict):
            complaints.append(f"“{section}” is not a section of the settings; it is left alone.")
            continue
        for name, value in entries.items():
            option = OPTIONS.get(name)
            if option is None or option.section != section:
                complaints.append(f"“{section}” has no setting “{name}”; it is left alone.")
                continue
            try:
                json.dumps(value, ensure_ascii=False).encode()
                values[name] = option.kind.check(value)
            except UnicodeEncodeError:
                complaints.append(f"“{name}” holds half a character; the default is used and your value is kept.")
            except Unfit as unfit:
                complaints.append(f"“{name}” {unfit}; the default is used and your value is kept.")
    return values, complaints


def _written(document: Document) -> str:
    """Return ``document`` as JSON that people can read; half a character in it only fits in as an escape."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    whole = text.encode(errors="replace").decode() == text
    return f"{text if whole else json.dumps(document, indent=2)}\n"


def _replace(path: Path, text: str) -> None:
    """Write ``text`` beside ``path`` and put it in its place in one step; a link stays a link to the new file."""
    path = path.resolve()
    for left in path.parent.glob(f".{path.name}-*.part"):
        if time.time() - left.lstat().st_mtime > ABANDONED:  # by a program that was killed
            left.unlink(missing_ok=True)
    replace_text(path, text, path.with_name(f".{path.name}-{secrets.token_hex(4)}.part"))
