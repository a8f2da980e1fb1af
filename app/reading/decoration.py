"""Paints behind typeset blocks: boxes around code, bars beside quotes, rules."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QTextBlock

from app.look.palette import Palette
from app.reading.formats import BAR, CONTINUED, INDENT, KIND, LANGUAGE, PADDING, QUOTE, QUOTED

RADIUS = 8
BUTTON = 100  # pixels that the button beside a language may take


def code_box(block: QTextBlock) -> QRectF:
    """Return the box around a code block: its lines, the padding, and the bar above for language and button."""
    form, box = block.blockFormat(), _box(block)
    left = form.leftMargin() + form.indent() * INDENT - PADDING
    right, above = block.document().textWidth(), PADDING if form.property(CONTINUED) else BAR
    return QRectF(left, box.top() - above, right - left, box.height() + above + PADDING)


def decorate(painter: QPainter, block: QTextBlock, palette: Palette, small: QFont) -> None:
    """Paint the box, bars or rule behind ``block``; ``small`` is the font of a code block's language."""
    form = block.blockFormat()
    painter.setPen(Qt.PenStyle.NoPen)
    for depth in range(int(form.property(QUOTED) or 0)):
        box, above = _box(block), block.previous().blockFormat().property(QUOTED)
        top = _box(block.previous()).bottom() if above else box.top() - 2
        painter.setBrush(QColor(palette.muted))
        painter.drawRoundedRect(QRectF(depth * QUOTE + 1, top, 3, box.bottom() + 2 - top), 1.5, 1.5)
    kind = form.property(KIND)
    if kind == "rule":
        painter.fillRect(QRectF(0, _box(block).center().y(), block.document().textWidth(), 1), QColor(palette.line))
    elif kind == "code":
        box = code_box(block)
        painter.setPen(QPen(QColor(palette.line), 1))
        painter.setBrush(QColor(palette.card))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        if form.property(CONTINUED):
            return
        painter.setPen(QColor(palette.muted))
        painter.setFont(small)
        title = QRectF(box.left() + PADDING, box.top() + 2, box.width(), BAR - 4)
        name = QFontMetrics(small).elidedText(
            str(form.property(LANGUAGE) or "code"), Qt.TextElideMode.ElideRight, round(box.width()) - BUTTON
        )
        painter.drawText(title, Qt.AlignmentFlag.AlignVCenter, name)


def _box(block: QTextBlock) -> QRectF:
    return block.document().documentLayout().blockBoundingRect(block)
