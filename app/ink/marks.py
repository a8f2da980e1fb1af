"""The marks that show where a token came from: always a colour and a shape, so that either alone is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QTextCharFormat, QTextFormat

from app.look.palette import Palette
from engine.config import source_kind
from engine.events import LevelInfo, Token, guesses

OUTSIDE_PROPERTY = QTextFormat.Property.UserProperty + 1  # on what is shown in a document but not part of the answer

UNDERLINE = 4.5  # pixels from the baseline down
OVERHANG = 6  # pixels, at most, that a mark or a ring reaches above and below the letters' box


class Mark(Enum):
    """What became of a token, and who wrote it."""

    BARE = "bare"  # plain decoding: nothing to tell
    DRAFTED = "drafted"
    LOOKED_UP = "looked up"
    CORRECTED = "corrected"
    WRITTEN = "written"
    REJECTED = "rejected"
    DISCARDED = "discarded"  # never judged: a token before it was rejected
    PENDING = "pending"


OUTSIDE = (Mark.REJECTED, Mark.DISCARDED, Mark.PENDING)  # not (yet) part of the answer, never copied
GHOSTS = (Mark.REJECTED, Mark.DISCARDED)


def mark_of(token: Token, levels: Sequence[LevelInfo]) -> Mark:
    """Return the mark of ``token`` in a chain of ``levels``, bottom first."""
    top = len(levels) - 1
    if token.ghost:
        return Mark.DISCARDED if token.discarded else Mark.REJECTED
    if token.reached < top:
        return Mark.PENDING
    return Mark.BARE if top == 0 else writer_mark(token.level, levels)


def writer_mark(level: int, levels: Sequence[LevelInfo]) -> Mark:
    """Return the mark of what ``level`` wrote and all above it kept."""
    if level == len(levels) - 1:
        return Mark.WRITTEN
    if not source_kind(levels[level].kind).passes:
        return Mark.LOOKED_UP
    return Mark.DRAFTED if guesses(levels, level) else Mark.CORRECTED


def colour_of(mark: Mark, palette: Palette) -> str:
    """Return the colour a mark is painted with."""
    return {
        Mark.BARE: palette.text,
        Mark.DRAFTED: palette.draft,
        Mark.LOOKED_UP: palette.lookup,
        Mark.CORRECTED: palette.intermediate,
        Mark.WRITTEN: palette.target,
        Mark.REJECTED: palette.rejected,
        Mark.DISCARDED: palette.muted,
        Mark.PENDING: palette.muted,
    }[mark]


def level_colour(index: int, levels: Sequence[LevelInfo], palette: Palette) -> str:
    """Return the colour of a level: that of the tokens it writes."""
    return colour_of(writer_mark(index, levels), palette)


def text_format(mark: Mark, palette: Palette, size: float) -> QTextCharFormat:
    """Return how the letters of a token look; ``size`` is the text's in pixels. The rest is painted behind them."""
    form = QTextCharFormat()
    if mark not in OUTSIDE:
        form.setForeground(QColor(palette.text))
        return form
    form.setForeground(QColor(colour_of(mark, palette)))
    form.setProperty(OUTSIDE_PROPERTY, mark.value)
    form.setFontStrikeOut(mark in GHOSTS)
    form.setFontItalic(mark is not Mark.REJECTED)
    if mark in GHOSTS:
        form.setProperty(QTextFormat.Property.FontPixelSize, round(size * 0.84))
    return form


@dataclass(frozen=True, slots=True)
class Ink:
    """What is painted behind the letters of a token: a tinted box, a line below, either or neither."""

    tint: QColor | None = None
    border: QPen | None = None
    underline: QPen | None = None

    def paint(self, painter: QPainter, boxes: Sequence[QRectF], descent: float) -> None:
        """Paint behind all ``boxes``, which span a token's letters from ascent to ``descent``."""
        if self.tint is not None:
            radius = 0 if self.border else 3
            painter.setPen(self.border or Qt.PenStyle.NoPen)
            painter.setBrush(self.tint)
            for box in boxes:
                painter.drawRoundedRect(box.adjusted(0.5, -1, -0.5, 2), radius, radius)
        if self.underline is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # crisp, and dashes ten times faster
            painter.setPen(self.underline)
            drop = UNDERLINE - descent
            painter.drawLines(
                [QLineF(b.left() + 1, b.bottom() + drop, b.right() - 1, b.bottom() + drop) for b in boxes]
            )
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def inks(palette: Palette, *, faint: bool = False) -> dict[Mark, Ink]:
    """Return the ink of every mark; with its letters, no two are alike even where all colours are."""
    colour = {mark: QColor(colour_of(mark, palette)) for mark in Mark}
    tint = {mark: QColor(colour[mark]) for mark in Mark}
    for mark in Mark:
        tint[mark].setAlphaF(palette.tint * (palette.faint if faint else 1))
        colour[mark].setAlphaF(palette.faint if faint and mark is not Mark.PENDING else 1)
    return {
        Mark.BARE: Ink(),
        Mark.DRAFTED: Ink(tint[Mark.DRAFTED]),
        Mark.LOOKED_UP: Ink(tint[Mark.LOOKED_UP], border=QPen(colour[Mark.LOOKED_UP], 1)),
        Mark.CORRECTED: Ink(tint[Mark.CORRECTED], underline=_dashed(colour[Mark.CORRECTED], 2, [1, 1])),
        Mark.WRITTEN: Ink(underline=QPen(colour[Mark.WRITTEN], 2)),
        Mark.REJECTED: Ink(),
        Mark.DISCARDED: Ink(),
        Mark.PENDING: Ink(underline=_dashed(colour[Mark.PENDING], 1, [4, 3])),
    }


def _dashed(colour: QColor, width: float, pattern: Sequence[float]) -> QPen:
    """Return a pen of dashes and gaps, both in units of its width."""
    pen = QPen(colour, width, Qt.PenStyle.CustomDashLine, Qt.PenCapStyle.FlatCap)
    pen.setDashPattern(pattern)
    return pen
