"""Collects what Updraft runs on, for a question or a bug report."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

from app.desktop.version import installed
from engine.config import ModelSet
from engine.version import VERSION

Facts = Iterable[tuple[str, str]]


def facts_here(models: ModelSet | None, folders: dict[str, Path]) -> Facts:
    """Yield the facts known without the engine: versions, screen, folders, models."""
    yield "Updraft", VERSION
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "System", platform.platform()
    yield "Processor", f"{platform.machine()}, {os.cpu_count()} cores"
    yield "Qt", f"{qVersion()} ({QGuiApplication.platformName()}), PySide6 {installed('PySide6-Essentials')}"
    screen = QGuiApplication.primaryScreen()
    yield "Screen", f"{screen.size().width()} × {screen.size().height()}, scale {screen.devicePixelRatio():g}"
    for name, folder in folders.items():
        yield name, str(folder)
    if models is not None:
        yield "Models", models.name
        for role, folder in models.models.items():
            yield f"  {role}", str(folder)


def written(facts: Facts) -> str:
    """Format ``facts`` as lines with aligned values."""
    pairs = list(facts)
    wide = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name:{wide}}  {value}" for name, value in pairs)
