"""Tells Qt where its plugins lie, whatever the folder is called that the program is in."""

from __future__ import annotations

import sys
from pathlib import Path

import PySide6
from PySide6.QtCore import QCoreApplication


def find_plugins() -> None:
    """Add the folder of Qt's plugins by its path; call it before there is an application.

    PySide hands Qt that path as a line of a settings file, in which a comma, a semicolon, a quote or a backslash mean
    something else: without this no window opens from a folder with one of them in its name.
    """
    below = "plugins" if sys.platform == "win32" else "Qt/plugins"
    QCoreApplication.addLibraryPath(str(Path(PySide6.__file__).parent / below))
