"""Turns a palette into the look of the application: style sheet, widget palette, font sizes; light, dark or system."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace
from string import Template
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyle

from app.look.assets import asset
from app.look.motion import DesktopMotion
from app.look.palette import LIGHT, Palette, blend
from app.look.palette import choose as choose_palette
from app.look.typeface import choose_font

Choice = Literal["system", "light", "dark"]
CHOICES: tuple[Choice, ...] = ("system", "light", "dark")
Motion = Literal["system", "reduced", "full"]
STYLED = "updraftStyled"  # a property of the application that has its style
TEXT = 14  # pixels at 96 dpi, the size the others are drawn for

_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}
MOTIONS: tuple[Motion, ...] = ("system", "reduced", "full")
_SIZES = {"tiny": 11, "small": 12, "text": TEXT, "title": 18, "headline": 24, "big": 36}  # pixels at 96 dpi


@dataclass(frozen=True, slots=True)
class Look:
    """The look a person chose; ``size`` is the text's height in pixels at 96 dpi."""

    choice: Choice = "system"
    size: int = TEXT
    safe: bool = False
    motion: Motion = "system"


class Theme(QObject):
    """Applies the look to the application; follows the desktop's scheme (if "system" is chosen) and contrast, live."""

    changed = Signal(object)  # Palette

    def __init__(self, app: QApplication, look: Look = Look()) -> None:
        super().__init__()
        self._app = app
        self._sheet = Template(asset("style", "updraft.qss").read_text("utf-8"))
        self._scale = 1.0 if sys.platform == "darwin" else app.primaryScreen().logicalDotsPerInch() / 96
        self._font = choose_font()
        self.look = look
        self.palette = LIGHT
        self._motion = DesktopMotion(parent=self)
        self._motion.changed.connect(lambda: self.changed.emit(self.palette))
        if not app.property(STYLED):  # only once: a QWizard's pages and buttons keep the style they were made in
            app.setStyle("fusion")
            app.setProperty(STYLED, True)
        hints = QGuiApplication.styleHints()
        hints.setColorScheme(_SCHEMES[look.choice])
        hints.colorSchemeChanged.connect(self._follow)
        hints.accessibility().contrastPreferenceChanged.connect(self._follow)
        self._apply(self._wanted())

    @property
    def choice(self) -> Choice:
        """Return the scheme chosen: light, dark or the desktop's."""
        return self.look.choice

    @property
    def growth(self) -> float:
        """Return the text's size relative to the designed one."""
        return self.look.size / TEXT

    @property
    def still(self) -> bool:
        """Return whether to avoid motion: as chosen, or as the desktop or its style asks."""
        if self.look.motion == "system":
            style = self._app.style()
            return self._motion.reduced or style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) == 0
        return self.look.motion == "reduced"

    def choose(self, choice: Choice) -> None:
        """Switch to ``choice`` at once."""
        self.wear(replace(self.look, choice=choice))

    def wear(self, look: Look) -> None:
        """Switch to ``look`` at once."""
        before, self.look = self.look, look
        if look.choice != before.choice:
            QGuiApplication.styleHints().setColorScheme(_SCHEMES[look.choice])  # title bar and native dialogs
        self._follow(anew=(look.size, look.motion) != (before.size, before.motion))

    def _follow(self, *_: object, anew: bool = False) -> None:
        wanted = self._wanted()
        if anew or wanted != self.palette:
            self._apply(wanted)
            self.changed.emit(wanted)

    def _wanted(self) -> Palette:
        hints = QGuiApplication.styleHints()
        scheme = _SCHEMES[self.look.choice]
        if scheme == Qt.ColorScheme.Unknown:
            scheme = hints.colorScheme()
        strong = hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast
        return choose_palette(dark=scheme == Qt.ColorScheme.Dark, safe=self.look.safe, strong=strong)

    def _apply(self, palette: Palette) -> None:
        self.palette = palette
        self._font.setPixelSize(self._pixels("text"))
        self._app.setFont(self._font)
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
        return round(_SIZES[size] * self._scale * self.growth)


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
