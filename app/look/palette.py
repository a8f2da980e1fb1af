"""Defines every colour the window paints with, as ``#rrggbb``."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Palette:
    """Names colours by their use; text and marks reach a contrast of 4.5:1 on every surface they appear on."""

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
    faint: float  # of that, where the text matters more than where it came from

    @property
    def surfaces(self) -> tuple[str, str, str]:
        """Return the colours that marks and muted text are painted on."""
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
    faint=0.8,
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
    faint=0.6,
)


# Levels and marks that stay apart without red, green or blue receptors: the least CIE76 distance of any two, as seen
# with protanopia, deuteranopia or tritanopia (Machado et al. 2009), is 34 in the dark and 26 in the light.
DARK_SAFE = replace(
    DARK, target="#6d97c8", intermediate="#d4c248", draft="#2aedd4", lookup="#b85aff", rejected="#cf7465"
)
LIGHT_SAFE = replace(
    LIGHT, target="#0953f6", intermediate="#796e0a", draft="#005552", lookup="#a21d9f", rejected="#643419"
)


def choose(*, dark: bool, safe: bool, strong: bool) -> Palette:
    """Return the palette for a dark or light window, with ``safe`` marks, in ``strong`` contrast."""
    palette = (DARK_SAFE if safe else DARK) if dark else (LIGHT_SAFE if safe else LIGHT)
    return strengthen(palette) if strong else palette


def strengthen(palette: Palette) -> Palette:
    """Return ``palette`` with text, muted text and lines as far from the background as they go (7:1 and 3:1)."""
    extreme = "#ffffff" if palette.dark else "#000000"
    return replace(
        palette,
        background="#000000" if palette.dark else "#ffffff",
        side="#000000" if palette.dark else "#ffffff",
        text=extreme,
        muted=blend(extreme, palette.muted, 0.6),
        line=blend(extreme, palette.background, 0.55),
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
