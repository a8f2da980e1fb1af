"""Makes the formats of typeset blocks and letters, which also mark what is not plain text."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontInfo,
    QTextBlockFormat,
    QTextCharFormat,
    QTextFormat,
    QTextLength,
    QTextTableFormat,
)

from app.look.label import plain_tip
from app.look.palette import Palette

KIND = QTextFormat.Property.UserProperty + 2  # of a block that is no text: "code", "rule", or "spare" beside a table
QUOTED = QTextFormat.Property.UserProperty + 3  # how many quotes a block lies in
LANGUAGE = QTextFormat.Property.UserProperty + 4  # of a code block
CONTINUED = QTextFormat.Property.UserProperty + 6  # of a code block that goes on with the one above

LINE_HEIGHT = 130  # per cent of the font's own
INDENT = 24  # pixels a list is moved in
QUOTE = 16  # pixels a quote is moved in
PADDING = 14  # pixels around code
BAR = 30  # pixels above code, for its language and its button
HEADINGS = {"h1": 1.5, "h2": 1.3, "h3": 1.14, "h4": 1.0, "h5": 1.0, "h6": 1.0}

_PROPORTIONAL = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
_FIXED = QTextBlockFormat.LineHeightTypes.FixedHeight.value


class Formats:
    """Makes formats in the colours of ``palette`` and the sizes of ``font``; letters inherit from those around them."""

    def __init__(self, palette: Palette, font: QFont) -> None:
        self.palette = palette
        self.text = QTextCharFormat()
        self.text.setForeground(QColor(palette.text))
        self._font, self._size = font, QFontInfo(font).pixelSize()
        self._fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).families()

    # Blocks

    def paragraph(self) -> QTextBlockFormat:
        """Return the format of a paragraph."""
        form = QTextBlockFormat()
        form.setLineHeight(LINE_HEIGHT, _PROPORTIONAL)
        form.setTopMargin(round(0.75 * self._size))
        return form

    def tight(self) -> QTextBlockFormat:
        """Return the format of a paragraph in a list without space between its items."""
        form = self.paragraph()
        form.setTopMargin(round(0.3 * self._size))
        return form

    def heading(self, tag: str) -> QTextBlockFormat:
        """Return the format of a heading, ``tag`` as in HTML."""
        form = QTextBlockFormat()
        form.setTopMargin(round(1.25 * self._size))
        form.setHeadingLevel(int(tag[1]))
        form.setLineHeight(115, _PROPORTIONAL)
        return form

    def code(self, language: str, *, continued: bool = False) -> QTextBlockFormat:
        """Return the format of a code block; ``continued``: it goes on with the one above."""
        form = QTextBlockFormat()
        form.setLineHeight(125, _PROPORTIONAL)
        form.setTopMargin(BAR + round(0.75 * self._size))
        form.setBottomMargin(PADDING + 4)
        form.setLeftMargin(PADDING)
        form.setRightMargin(PADDING)
        form.setNonBreakableLines(False)
        form.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # also where it begins with a word of Arabic
        form.setProperty(KIND, "code")
        form.setProperty(LANGUAGE, language)
        if continued:
            form.setTopMargin(PADDING)
            form.setProperty(CONTINUED, True)
        return form

    def rule(self) -> QTextBlockFormat:
        """Return the format of the empty block a rule is painted in."""
        form = self.paragraph()
        form.setProperty(KIND, "rule")
        form.setLineHeight(self._size, _FIXED)
        return form

    def displayed(self) -> QTextBlockFormat:
        """Return the format of a formula on lines of its own."""
        form = self.paragraph()
        form.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        form.setLineHeight(100, _PROPORTIONAL)
        form.setBottomMargin(round(0.4 * self._size))
        return form

    def spare(self) -> QTextBlockFormat:
        """Return the format of an empty block of hardly any height."""
        form = QTextBlockFormat()
        form.setLineHeight(1, _FIXED)
        form.setProperty(KIND, "spare")
        return form

    def table(self, left: int) -> QTextTableFormat:
        """Return the format of a table ``left`` pixels from the edge."""
        form = QTextTableFormat()
        form.setBorder(1)
        form.setBorderCollapse(True)
        form.setBorderStyle(QTextTableFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QColor(self.palette.line))
        form.setCellPadding(6)
        form.setCellSpacing(0)
        form.setHeaderRowCount(1)
        form.setTopMargin(round(0.75 * self._size))
        form.setBottomMargin(round(0.5 * self._size))
        form.setLeftMargin(left)
        form.setWidth(QTextLength())
        return form

    def cell(self, align: str) -> QTextBlockFormat:
        """Return the format of a cell's text; ``align`` as in a style sheet."""
        form = QTextBlockFormat()
        form.setLineHeight(LINE_HEIGHT, _PROPORTIONAL)
        sides = {"right": Qt.AlignmentFlag.AlignRight, "center": Qt.AlignmentFlag.AlignHCenter}
        form.setAlignment(sides.get(align, Qt.AlignmentFlag.AlignLeft))
        return form

    # Letters

    def heading_text(self, tag: str) -> QTextCharFormat:
        """Return the format of a heading's letters."""
        form = self.strong(self.text)
        form.setProperty(QTextFormat.Property.FontPixelSize, round(self._size * HEADINGS[tag]))
        return form

    def strong(self, form: QTextCharFormat) -> QTextCharFormat:
        """Return ``form`` in bold type."""
        inner = QTextCharFormat(form)
        inner.setFontWeight(QFont.Weight.DemiBold)
        return inner

    def emphasised(self, form: QTextCharFormat) -> QTextCharFormat:
        """Return ``form`` in italics."""
        inner = QTextCharFormat(form)
        inner.setFontItalic(True)
        return inner

    def struck(self, form: QTextCharFormat) -> QTextCharFormat:
        """Return ``form`` struck through."""
        inner = QTextCharFormat(form)
        inner.setFontStrikeOut(True)
        return inner

    def link(self, form: QTextCharFormat, target: str) -> QTextCharFormat:
        """Return ``form`` as a link to ``target``."""
        inner = QTextCharFormat(form)
        inner.setAnchor(True)
        inner.setAnchorHref(target)
        inner.setForeground(QColor(self.palette.target))
        inner.setFontUnderline(True)
        inner.setToolTip(plain_tip(target))
        return inner

    def monospace(self, form: QTextCharFormat) -> QTextCharFormat:
        """Return ``form`` in a monospace font."""
        inner = QTextCharFormat(form)
        inner.setFontFamilies(self._fixed)
        inner.setFontFixedPitch(True)
        inner.setProperty(QTextFormat.Property.FontPixelSize, round(self._size * 0.93))
        return inner

    def inline_code(self, form: QTextCharFormat) -> QTextCharFormat:
        """Return ``form`` as code among words."""
        inner = self.monospace(form)
        inner.setBackground(QColor(self.palette.bubble))
        return inner

    def font(self, form: QTextCharFormat) -> QFont:
        """Return the font of letters in ``form``, as large as they are; formulas are measured by it."""
        font = QFont(self._font)
        font.setPixelSize(form.intProperty(QTextFormat.Property.FontPixelSize) or self._size)
        return font
