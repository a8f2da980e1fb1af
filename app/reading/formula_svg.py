"""Draws TeX as SVG with ziamath: without a network, a browser or TeX itself. No Qt."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock, Thread
from typing import Any

from app.reading.formula_grammar import find_formulas

SIZE = 40.0  # pixels of an em that formulas are drawn at, whatever they are shown at
REMEMBERED = 512  # formulas
LONGEST = 2000  # characters of TeX
INK = "#000001"  # in the drawing, for the colour of the text
UNKNOWN = re.compile(r"\\[A-Za-z]+")
TAG = re.compile(r"\\tag\*?\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Picture:
    """A formula drawn as SVG. ``width``, and ``ascent`` and ``descent`` from the base line, in ems."""

    svg: str
    width: float
    ascent: float
    descent: float


@lru_cache(maxsize=REMEMBERED)
def picture(tex: str, *, displayed: bool) -> Picture | None:
    """Draw ``tex``; return None, to show its source, if a command or letter is unknown or it is not TeX.

    Takes some ten milliseconds the first time; on any thread.
    """
    if len(tex) > LONGEST:
        return None
    try:
        return _pen().picture(tex, displayed=displayed)
    except Exception:  # noqa: BLE001 - a model may write anything between dollars, and the parsers may raise anything
        return None


class Foresight:
    """Draws formulas ahead of time, on a thread of its own, while the text around them is being written."""

    def __init__(self) -> None:
        self._thread: Thread | None = None

    def look(self, source: str) -> None:
        """Start drawing the formulas of ``source`` for ``picture``, unless others are being drawn."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=_draw_all, args=(source,), name="formulas", daemon=True)
            self._thread.start()


class Pen:
    """Owns ziamath, which shares its font between formulas, so draws them one at a time."""

    def __init__(self) -> None:
        from ziamath.config import config
        from ziamath.zmath import Latex

        config.svg2 = False  # Qt reads SVG Tiny
        self._latex = Latex
        self._lock = Lock()
        self._drawn = lru_cache(maxsize=REMEMBERED)(self._draw)  # another thread may have been at the same one

    def picture(self, tex: str, *, displayed: bool) -> Picture | None:
        """Draw ``tex``; return None if something in it is unknown; raises whatever the parsers raise."""
        with self._lock:
            return self._drawn(tex, displayed=displayed)

    def _draw(self, tex: str, *, displayed: bool) -> Picture | None:
        drawn = self._latex(TAG.sub(r"\\qquad (\1)", tex), size=SIZE, color=INK, inline=not displayed, margin=0)
        box = drawn.node.bbox
        sizes = (box.xmax - box.xmin, box.ymax, -box.ymin)
        if not _known(drawn) or not all(map(math.isfinite, sizes)) or sizes[0] <= 0:
            return None
        return Picture(drawn.svg(), *(size / SIZE for size in sizes))


@lru_cache(maxsize=1)
def _pen() -> Pen:
    return Pen()


def _draw_all(source: str) -> None:
    _pen()
    for tex, displayed in find_formulas(source):
        picture(tex, displayed=displayed)


def _known(drawn: Any) -> bool:
    """Return whether the font has all letters and no command was left over, as latex2mathml does."""
    text = "".join(drawn.mathml.itertext())
    return UNKNOWN.search(text) is None and all(map(drawn.font.glyphindex, "".join(text.split())))
