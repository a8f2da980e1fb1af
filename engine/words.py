"""Sizes, large numbers and durations as people say them."""

from __future__ import annotations


def size(count: float) -> str:
    """Return ``count`` bytes in decimal units, as disks and the Hub count them: "5.2 GB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor * 0.9995:
            return f"{count / factor:.1f} {unit}" if count < 99.95 * factor else f"{count / factor:.0f} {unit}"
    return f"{count:.0f} bytes"


def how_many(count: float) -> str:
    """Return ``count`` in millions or billions, as models are named after it: "135 million", "1.7 billion"."""
    millions = round(count / 10**6)
    return f"{millions} million" if millions < 1000 else f"{count / 10**9:.1f} billion"


def duration(seconds: float) -> str:
    """Return ``seconds`` in the two largest units that matter: "1 h 20 min", "3 min", "40 s"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
