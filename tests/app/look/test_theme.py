"""The look: palettes that can be read and told apart, contrast, motion."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessibilityHints
from PySide6.QtWidgets import QApplication, QWizard, QWizardPage
from pytestqt.qtbot import QtBot

from app.look.palette import DARK, DARK_SAFE, LIGHT, LIGHT_SAFE, Palette, blend, choose, contrast, strengthen
from app.look.theme import Look, Theme
from tests.app.stage import Start

MARKS = ("target", "intermediate", "draft", "lookup", "rejected")
# What people see who lack one kind of receptor, in linear light: Machado, Oliveira, Fernandes 2009, severity 1.
SIGHT = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
Vector = tuple[float, ...]


def times(matrix: tuple[Vector, ...], vector: Vector) -> Vector:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def lab(colour: str, sight: str) -> Vector:
    """Return CIE L*a*b* of ``colour`` as seen, white point D65."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    light = tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    seen = tuple(min(max(c, 0.0), 1.0) for c in times(SIGHT[sight], light))
    ratios = [value / white for value, white in zip(times(XYZ, seen), (0.95047, 1.0, 1.08883), strict=True)]
    x, y, z = (r ** (1 / 3) if r > 0.008856 else 7.787 * r + 16 / 116 for r in ratios)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def least_distance(palette: Palette, sight: str) -> float:
    """Return the CIE76 distance of the two marks that are hardest to tell apart."""
    seen = [lab(getattr(palette, name), sight) for name in MARKS]
    return min(math.dist(*pair) for pair in combinations(seen, 2))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("palette", [DARK_SAFE, LIGHT_SAFE], ids=["dark", "light"])
def test_safe_colours_are_told_apart_by_everyone(palette: Palette, sight: str) -> None:
    """Guards: a colour-blind-safe palette that is so in name only."""
    assert least_distance(palette, sight) >= 25


def test_the_measure_tells_safe_from_unsafe() -> None:
    """Guards: a measure under which every palette would pass: the standard one does not."""
    assert least_distance(DARK, "deuteranopia") < 10
    assert least_distance(LIGHT, "deuteranopia") < 10
    assert lab("#ffffff", "full") == pytest.approx((100, 0, 0), abs=0.1)


@pytest.mark.parametrize(
    "palette", [DARK_SAFE, LIGHT_SAFE, *(strengthen(p) for p in (DARK, LIGHT, DARK_SAFE, LIGHT_SAFE))]
)
def test_every_palette_can_be_read(palette: Palette) -> None:
    """Guards: a palette for some people that is illegible to all."""
    for name in ("text", "muted", *MARKS):
        for surface in palette.surfaces:
            assert contrast(getattr(palette, name), surface) >= 4.5, (name, surface)
    assert contrast(palette.text, palette.bubble) >= 4.5
    assert contrast(palette.on_accent, palette.target) >= 4.5


@pytest.mark.parametrize("dark", [True, False])
def test_strong_contrast_is_strong(dark: bool) -> None:
    """Guards: a high-contrast look that is not."""
    palette = choose(dark=dark, safe=False, strong=True)
    for surface in palette.surfaces:
        assert contrast(palette.text, surface) >= 14
        assert contrast(palette.muted, surface) >= 7
        assert contrast(palette.line, surface) >= 3


def test_the_desktops_wish_for_contrast_is_followed(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a desktop's high contrast ignored, at the start or later."""
    theme = Theme(qapp, Look("dark"))
    assert theme.palette is DARK
    monkeypatch.setattr(QAccessibilityHints, "contrastPreference", lambda _: Qt.ContrastPreference.HighContrast)
    qapp.styleHints().accessibility().contrastPreferenceChanged.emit(Qt.ContrastPreference.HighContrast)
    assert theme.palette == strengthen(DARK)
    assert Theme(qapp, Look("light", safe=True)).palette == strengthen(LIGHT_SAFE)


def test_colours_and_motion_reach_the_window(start: Start) -> None:
    """Guards: a palette or a wish for rest that is chosen and not followed."""
    running = start()
    running.preferences.change(theme="dark", marks="safe")
    assert running.theme.palette is DARK_SAFE
    assert running.window.transcript._style.palette is DARK_SAFE
    assert running.window.themes["dark"].isChecked()  # whoever changed it
    running.preferences.change(motion="reduced")
    assert running.theme.still
    assert not running.window.transcript.moving
    running.preferences.change(motion="full")
    assert running.window.transcript.moving


@pytest.mark.parametrize("palette", [DARK, DARK_SAFE, LIGHT, LIGHT_SAFE], ids=lambda palette: str(palette.dark))
def test_the_tints_of_the_reading_view_can_be_seen(palette: Palette) -> None:
    """Guards: marks behind the words that nobody sees, as on a dark page, where a tint of 1.2 is lost."""
    for name in ("draft", "intermediate", "lookup"):
        tinted = blend(getattr(palette, name), palette.background, palette.tint * palette.faint)
        assert contrast(tinted, palette.background) >= (1.3 if palette.dark else 1.17), name
        assert contrast(palette.text, tinted) >= 4.5, name


def test_a_second_look_leaves_the_style_alone(qapp: QApplication, qtbot: QtBot) -> None:
    """Guards: a segmentation fault once a second window begins while a wizard is there: its pages keep their style."""
    Theme(qapp)
    wizard, gone = QWizard(), list[object]()
    qtbot.addWidget(wizard)
    wizard.addPage(QWizardPage())
    wizard.page(0).style().destroyed.connect(lambda *_: gone.append(True))
    Theme(qapp)
    assert not gone
