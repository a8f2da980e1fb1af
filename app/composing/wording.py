"""Names a message by its first words. No Qt."""

from __future__ import annotations

EXCERPT = 36  # characters of a message that is named


def excerpt(text: str) -> str:
    """Return the beginning of ``text`` on one line."""
    line = " ".join(text[: 20 * EXCERPT].split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1].rstrip()}…"
