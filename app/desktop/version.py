"""Finds the versions of Updraft and of the packages it requires."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

OURS = "updraft-chat"


def updraft() -> str:
    """Return Updraft's version, in a checkout from its pyproject.toml."""
    try:
        return version(OURS)
    except PackageNotFoundError:
        return f"{_project().get('version', 'of unknown version')} (from source)"


def requirements() -> list[str]:
    """Return the normalised names of the distributions Updraft requires, without those for checks."""
    try:
        asked = requires(OURS) or []
    except PackageNotFoundError:
        asked = _project().get("dependencies", [])
    names = (re.match(r"[\w.-]+", line) for line in asked if "extra ==" not in line)
    return [re.sub(r"[-_.]+", "-", name.group()).lower() for name in names if name]


def installed(name: str) -> str:
    """Return the version of an installed distribution, or "not installed"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _project() -> dict[str, Any]:
    """Return the project table of the checkout's pyproject.toml."""
    path = Path(__file__).resolve().parents[2] / "pyproject.toml"
    project: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))["project"] if path.is_file() else {}
    return project
