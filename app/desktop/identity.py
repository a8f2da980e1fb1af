"""Says to the desktop which program this is, so that its windows carry its name and its icon."""

from __future__ import annotations

import sys

from PySide6.QtGui import QGuiApplication, QIcon

from app.look.assets import asset

ID = "org.updraft.Updraft"  # of the .desktop file, the metainfo and the icons of packaging/bundle


def identify(app: QGuiApplication) -> None:
    """Give the program its name and its icon; the task bar groups its windows under the launcher they came from."""
    app.setApplicationName("Updraft")
    app.setDesktopFileName(ID)
    app.setWindowIcon(icon())
    if sys.platform == "win32":  # else they would stand in the task bar as Python's
        from ctypes import windll

        windll.shell32.SetCurrentProcessExplicitAppUserModelID(ID)


def icon() -> QIcon:
    """Return the program's icon, which is drawn sharp at every size."""
    return QIcon(str(asset("icons", "updraft.svg")))
