"""Turns a palette into the look of the application: style sheet, widget palette, font sizes; light, dark or system."""

from __future__ import annotations

import sys
from dataclasses import fields
from string import Template
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from app.assets import asset
from app.palette import DARK, LIGHT, Palette, blend
from app.typeface import choose_font

Choice = Literal["system", "light", "dark"]
CHOICES: tuple[Choice, ...] = ("system", "light", "dark")

_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}
_SIZES = {"tiny": 11, "small": 12, "text": 14, "headline": 24, "big": 36}  # pixels at 96 dpi


class Theme(QObject):
    """The application's look. With the choice "system" it follows the desktop, live."""

    changed = Signal(object)  # Palette

    def __init__(self, app: QApplication) -> None:
        super().__init__()
        self._app = app
        self._sheet = Template(asset("style", "updraft.qss").read_text("utf-8"))
        self._scale = 1.0 if sys.platform == "darwin" else app.primaryScreen().logicalDotsPerInch() / 96
        self._font = choose_font()
        self._font.setPixelSize(self._pixels("text"))
        self.choice: Choice = "system"
        self.palette = LIGHT
        app.setStyle("fusion")
        app.setFont(self._font)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow)
        self._apply(self._wanted())

    def choose(self, choice: Choice) -> None:
        """Switch to ``choice`` at once."""
        self.choice = choice
        QGuiApplication.styleHints().setColorScheme(_SCHEMES[choice])  # title bar and native dialogs
        self._follow()

    def _follow(self) -> None:
        wanted = self._wanted()
        if wanted is not self.palette:
            self._apply(wanted)
            self.changed.emit(wanted)

    def _wanted(self) -> Palette:
        scheme = _SCHEMES[self.choice]
        if scheme == Qt.ColorScheme.Unknown:
            scheme = QGuiApplication.styleHints().colorScheme()
        return DARK if scheme == Qt.ColorScheme.Dark else LIGHT

    def _apply(self, palette: Palette) -> None:
        self.palette = palette
        self._app.setPalette(_widget_palette(palette))
        self._app.setStyleSheet(self._sheet.substitute(self._values(palette)))

    def _values(self, palette: Palette) -> dict[str, str]:
        colours = {f.name: str(getattr(palette, f.name)) for f in fields(palette)}
        sizes = {f"{name}_size": f"{self._pixels(name)}px" for name in _SIZES}
        mixed = {
            "hover": blend(palette.text, palette.card, 0.06),
            "chosen": palette.bubble,
            "accent_hover": blend(palette.text, palette.target, 0.12),
            "faint": blend(palette.muted, palette.background, 0.55),
            "alarm": blend(palette.rejected, palette.background, 0.12),
            "icons": asset("icons").as_posix(),
            "shade": "dark" if palette.dark else "light",
        }
        return colours | sizes | mixed

    def _pixels(self, size: str) -> int:
        return round(_SIZES[size] * self._scale)


def _widget_palette(palette: Palette) -> QPalette:
    """Return the Qt palette for what the style sheet does not reach: menus of the system, selections, dialogs."""
    role = QPalette.ColorRole
    colours = {
        role.Window: palette.background,
        role.Base: palette.card,
        role.AlternateBase: palette.side,
        role.Button: palette.card,
        role.ToolTipBase: palette.card,
        role.Text: palette.text,
        role.WindowText: palette.text,
        role.ButtonText: palette.text,
        role.ToolTipText: palette.text,
        role.PlaceholderText: palette.muted,
        role.Highlight: palette.target,
        role.HighlightedText: palette.on_accent,
        role.Link: palette.target,
        role.Accent: palette.target,
    }
    result = QPalette()
    for which, colour in colours.items():
        result.setColor(which, QColor(colour))
    for which in (role.Text, role.WindowText, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, which, QColor(palette.muted))
    return result
