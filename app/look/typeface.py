"""Chooses the window's font: the system's own, or the bundled Inter where the system's is poor."""

from __future__ import annotations

import sys

from PySide6.QtGui import QFont, QFontDatabase, QFontInfo

from app.look.assets import asset

BUNDLED = ("Inter-Regular.ttf", "Inter-Italic.ttf", "Inter-SemiBold.ttf")
# What fontconfig falls back to where no font was chosen, or where none was found at all.
POOR = ("DejaVu Sans", "Bitstream Vera Sans", "Liberation Sans", "Nimbus Sans", "FreeSans", "Sans", "")


def choose_font() -> QFont:
    """Return the window's font; loads the bundled one if it is the better choice. Needs a QGuiApplication."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if sys.platform in ("win32", "darwin") or QFontInfo(font).family() not in POOR:
        return font
    loaded = [QFontDatabase.addApplicationFont(str(asset("fonts", name))) for name in BUNDLED]
    families = QFontDatabase.applicationFontFamilies(loaded[0]) if loaded[0] >= 0 else []
    return QFont(families[0]) if families else font


def tabular(font: QFont) -> QFont:
    """Return ``font`` with figures of one width, so that changing numbers do not jitter."""
    even = QFont(font)
    even.setFeature(QFont.Tag.fromString("tnum"), 1)
    return even
