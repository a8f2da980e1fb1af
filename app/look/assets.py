"""Finds the files that come with Updraft."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def asset(folder: str, name: str = "") -> Path:
    """Return the path of a bundled folder, or of the file ``name`` in it."""
    return Path(str(files("assets") / folder)) / name
