"""Finds which packages Updraft requires, and their versions."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def requirements() -> list[str]:
    """Return the normalised names of the distributions Updraft requires, without those for checks."""
    path = Path(__file__).resolve().parents[2] / "pyproject.toml"
    asked = tomllib.loads(path.read_text("utf-8"))["project"]["dependencies"] if path.is_file() else []
    names = (re.match(r"[\w.-]+", line) for line in asked)
    return [re.sub(r"[-_.]+", "-", name.group()).lower() for name in names if name]


def installed(name: str) -> str:
    """Return the version of an installed distribution, or "not installed"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
