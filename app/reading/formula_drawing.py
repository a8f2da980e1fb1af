"""Draws formulas in a document: each is one character, drawn like a large letter of its line."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRect, QRectF, QSizeF
from PySide6.QtGui import (
    QFont,
    QFontInfo,
    QFontMetrics,
    QPainter,
    QPyTextObject,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtSvg import QSvgRenderer

from app.ink.document_edit import SOURCE_PROPERTY
from app.look.label import plain_tip
from app.reading.formula_svg import INK, Picture, picture

OBJECT = QTextFormat.ObjectTypes.UserObject + 1
TEX = QTextFormat.Property.UserProperty + 6  # the formula without its delimiters
DISPLAYED = QTextFormat.Property.UserProperty + 7  # it stands in lines of its own
EM, HALF, WIDE, TALL = (QTextFormat.Property.UserProperty + number for number in range(8, 12))  # pixels
SCALE = 1.12  # of its letters to the text's, which are smaller for their size
ASIDE = 48  # pixels of a line left to lists and quotes


class Formulas(QPyTextObject):
    """Draws the formulas of a document, whose formats are made by ``format_of``."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._renderers: dict[tuple[str, bool, str], QSvgRenderer] = {}
        document.documentLayout().registerHandler(OBJECT, self)

    def intrinsicSize(self, document: QTextDocument, _position: int, form: QTextFormat) -> QSizeF:
        """Return a formula's size; Qt asks for it at every look-up on a line."""
        wide, room = form.doubleProperty(WIDE), document.textWidth() - ASIDE
        if wide <= room or room <= 0:
            return QSizeF(wide, form.doubleProperty(TALL))
        return _room(_shown(form), form.doubleProperty(EM) * room / wide, form.doubleProperty(HALF))

    def drawObject(
        self, painter: QPainter, rect: QRectF | QRect, _document: QTextDocument, _position: int, form: QTextFormat
    ) -> None:
        """Draw a formula in the colour of its text."""
        shown, box = _shown(form), QRectF(rect)
        em = box.width() / shown.width
        top = box.center().y() + form.doubleProperty(HALF) - shown.ascent * em
        place = QRectF(box.left(), top, box.width(), (shown.ascent + shown.descent) * em)
        self._renderer(form, shown).render(painter, place)

    def _renderer(self, form: QTextFormat, shown: Picture) -> QSvgRenderer:
        colour = form.foreground().color().name()
        key = (form.stringProperty(TEX), form.boolProperty(DISPLAYED), colour)
        if key not in self._renderers:
            self._renderers[key] = QSvgRenderer(QByteArray(shown.svg.replace(INK, colour).encode()))
        return self._renderers[key]


def format_of(
    tex: str, source: str, letters: QTextCharFormat, font: QFont, *, displayed: bool
) -> QTextCharFormat | None:
    """Return the format of the character that stands for a formula; None if it cannot be drawn.

    ``source``, the formula with its delimiters, is what is copied. ``font`` is that of the ``letters`` around it.
    """
    shown = picture(tex, displayed=displayed)
    if shown is None:
        return None
    form = QTextCharFormat(letters)
    em = SCALE * QFontInfo(font).pixelSize()
    half = QFontMetrics(font).xHeight() / 4  # by how much Qt puts the middle of a line above its base line
    size = _room(shown, em, half)
    for number, value in ((EM, em), (HALF, half), (WIDE, size.width()), (TALL, size.height())):
        form.setProperty(number, value)
    form.setObjectType(OBJECT)
    form.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
    form.setProperty(TEX, tex)
    form.setProperty(DISPLAYED, displayed)
    form.setProperty(SOURCE_PROPERTY, source)
    form.setToolTip(plain_tip(source))
    return form


def source_at(cursor: QTextCursor) -> str:
    """Return the source of the formula beside ``cursor``, or ""."""
    before = str(cursor.charFormat().property(SOURCE_PROPERTY) or "")
    if before or cursor.atBlockEnd():
        return before
    cursor.movePosition(QTextCursor.MoveOperation.NextCharacter)
    return str(cursor.charFormat().property(SOURCE_PROPERTY) or "")


def _shown(form: QTextFormat) -> Picture:
    found = picture(form.stringProperty(TEX), displayed=form.boolProperty(DISPLAYED))
    return found if found is not None else Picture("", 1.0, 0.0, 0.0)


def _room(shown: Picture, em: float, half: float) -> QSizeF:
    """Return the box of a formula: as much above the middle of small letters as below, as Qt centres it there."""
    return QSizeF(shown.width * em, 2 * max(shown.ascent * em - half, shown.descent * em + half, half))
