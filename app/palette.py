"""The two palettes: every colour the window paints with, as ``#rrggbb``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they are for; text and marks reach a contrast of 4.5:1 on every surface they are used on."""

    dark: bool
    background: str
    side: str
    card: str
    line: str
    text: str
    muted: str
    bubble: str
    target: str
    intermediate: str
    draft: str
    lookup: str
    rejected: str
    on_accent: str  # text on a button filled with ``target``
    tint: float  # opacity of a mark's tint

    @property
    def surfaces(self) -> tuple[str, str, str]:
        """What marks and muted text are painted on."""
        return self.background, self.side, self.card


DARK = Palette(
    dark=True,
    background="#16181d",
    side="#121419",
    card="#1d2027",
    line="#2a2e37",
    text="#e6e8ec",
    muted="#8b93a1",
    bubble="#262b35",
    target="#6aa9f7",
    intermediate="#e0a03a",
    draft="#2fb98a",
    lookup="#b58bf0",
    rejected="#e06a5f",
    on_accent="#0d1420",
    tint=0.26,
)

LIGHT = Palette(
    dark=False,
    background="#fbfbfc",
    side="#f2f3f5",
    card="#ffffff",
    line="#e1e4e9",
    text="#1c2027",
    muted="#646b79",
    bubble="#e9edf3",
    target="#1b69c9",
    intermediate="#95600a",
    draft="#0b7a55",
    lookup="#7a46c9",
    rejected="#b8372a",
    on_accent="#ffffff",
    tint=0.22,
)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two ``#rrggbb`` colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def blend(over: str, under: str, opacity: float) -> str:
    """Return ``over`` laid on ``under`` with ``opacity`` 0 to 1."""
    pairs = zip(_channels(over), _channels(under), strict=True)
    return "#" + "".join(f"{round(opacity * a + (1 - opacity) * b):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
