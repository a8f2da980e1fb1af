"""Sizes, counts, paces and durations as people say them."""

from __future__ import annotations


def size(count: float) -> str:
    """Return ``count`` bytes in decimal units, as disks and the Hub count them: "5.2 GB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor * 0.9995:
            return f"{count / factor:.1f} {unit}" if count < 99.95 * factor else f"{count / factor:.0f} {unit}"
    return f"{count:.0f} bytes"


def how_many(count: float) -> str:
    """Return ``count`` in millions or billions, as names of models have it: "135 million", "1.7 billion"."""
    millions = round(count / 10**6)
    return f"{millions} million" if millions < 1000 else f"{count / 10**9:.1f} billion"


def tokens(count: int) -> str:
    """Return a number of tokens with its noun."""
    return f"{count:,} token{'s' * (count != 1)}"


def pace(value: float) -> str:
    """Return how many there are of something in a second, or another unit: one decimal below ten."""
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def times(value: float) -> str:
    """Return a factor to a tenth, a very small one to a hundredth."""
    return f"about {value:.1f}×" if value >= 0.095 else f"about {value:.2f}×"


def seconds(value: float) -> str:
    """Return a duration in seconds to a tenth."""
    return f"{value:.1f}\u00a0s"


def duration(seconds: float) -> str:
    """Return ``seconds`` as seconds, minutes, or hours and minutes: "40 s", "3 min", "1 h 20 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
