"""A text widget with marks behind its letters; what was painted once is kept as a picture until it changes."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from PySide6.QtCore import QMimeData, QRectF
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QTextEdit, QWidget

from app.ink.document_edit import selected_text
from app.ink.fade import Fade
from app.ink.mark_layer import MarkLayer
from app.ink.marks import OVERHANG, Ink, Mark
from app.ink.paint_cache import PaintCache
from app.ink.text_view import TextView
from app.look.palette import Palette


class MarkedText(TextView):
    """A TextView in a palette's colours, with a layer of marks; the marks of new tokens fade in.

    ``_paint_behind`` and ``_paint_before`` paint what goes under and over the letters. Code that edits the document
    calls ``_keep_above`` first.
    """

    _inks: dict[Mark, Ink]

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._layer = MarkLayer(self.document())
        self._fade = Fade(self, self._top_of)
        self._cache = PaintCache(self, self._paint_firm)
        self._found = False  # a search has marked places

    def set_motion(self, moving: bool) -> None:
        """Let marks fade in, or appear at once."""
        self._fade.moving = moving

    def set_palette(self, palette: Palette) -> None:
        """Take on the colours of ``palette``; the text is written anew, as its letters have colours too."""
        self._palette = palette
        self._dress()
        self.rebuild()

    def rebuild(self) -> None:
        """Write everything anew."""
        raise NotImplementedError

    def setExtraSelections(self, selections: Sequence[QTextEdit.ExtraSelection]) -> None:
        """Mark ``selections``; while there are any, every frame is painted in full."""
        self._found = bool(selections)
        super().setExtraSelections(selections)

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy what is selected as plain text, without ghosts and without the draft in progress."""
        data = QMimeData()
        data.setText(selected_text(self))
        return data

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint from pictures what has been painted before, the rest layer by layer."""
        painter, rest = QPainter(self.viewport()), event.rect()
        ground = QColor(self._palette.background)
        painter.fillRect(rest, ground)
        if not (self._found or self._shows_cursor() or self.textCursor().hasSelection()):
            rest = self._cache.paint(painter, rest, ground, self._fade.top - OVERHANG)
        if not rest.isEmpty():
            painter.setClipRect(rest)  # a mark that the pictures have a part of would be twice as dark there
            self._paint_behind(painter, QRectF(rest))
            painter.end()
            super().paintEvent(QPaintEvent(rest))
            painter.begin(self.viewport())
        self._paint_before(painter, QRectF(event.rect()))
        painter.end()

    def _dress(self) -> None:
        """Take colours and sizes from palette and font."""
        raise NotImplementedError

    def _paint_firm(self, painter: QPainter, exposed: QRectF) -> None:
        """Paint marks and letters as they will stay, for the pictures."""
        self._paint_behind(painter, exposed)
        context = QAbstractTextDocumentLayout.PaintContext()
        context.palette = self.palette()
        context.clip = exposed
        self.document().documentLayout().draw(painter, context)

    def _paint_behind(self, painter: QPainter, exposed: QRectF) -> None:
        """Paint what goes under the letters: the marks."""
        self._layer.paint(painter, exposed, self._metrics(), self._inks, self._fade.first, self._fade.shade)

    def _paint_before(self, painter: QPainter, exposed: QRectF) -> None:
        """Paint what goes over the letters; here nothing."""

    def _shows_cursor(self) -> bool:
        """Tell whether a text cursor blinks somewhere."""
        return self.hasFocus() and self.cursorWidth() > 0

    def _keep_above(self, position: int) -> None:
        """Drop the pictures of everything that an edit at ``position`` may change."""
        self._cache.cut(self._layer.firm_above(position) - OVERHANG)

    def _top_of(self, index: int) -> float:
        """Return the y of a token; infinite for one that is not in the document yet."""
        return self._box(index).top() if index < len(self._layer.starts) else inf

    def _box(self, index: int) -> QRectF:
        return self._layer.box_of(index, self._metrics())

    def _metrics(self) -> QFontMetricsF:
        return QFontMetricsF(self.font())
