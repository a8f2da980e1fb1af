"""What the marks mean, each shown the way it looks in the text."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget

from app.look.palette import Palette
from app.speculation.marks import GHOSTS, OUTSIDE, Mark, colour_of, inks

ENTRIES = (
    (Mark.DRAFTED, "drafted", "and accepted"),
    (Mark.LOOKED_UP, "looked up", "accepted"),
    (Mark.CORRECTED, "corrected", "midway"),
    (Mark.WRITTEN, "written", "by target"),
    (Mark.REJECTED, "rejected", "proposal"),
    (Mark.PENDING, "pending", "draft"),
    (Mark.DISCARDED, "discarded", "behind a veto"),
)


class Legend(QWidget):
    """Two columns of marks and their meaning."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._samples = [Sample(mark, word, palette) for mark, word, _ in ENTRIES]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(8)
        for index, (sample, (_, word, rest)) in enumerate(zip(self._samples, ENTRIES, strict=True)):
            entry, meaning = QWidget(), QLabel(rest)
            entry.setAccessibleName(f"{word} {rest}")
            row = QHBoxLayout(entry)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(5)
            row.addWidget(sample)
            row.addWidget(meaning)
            row.addStretch()
            meaning.setObjectName("legend")
            grid.addWidget(entry, index // 2, index % 2)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        for sample in self._samples:
            sample.set_palette(palette)


class Sample(QWidget):
    """One word with its mark."""

    def __init__(self, mark: Mark, word: str, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("legend")
        self._mark, self._word, self._palette = mark, word, palette

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the word and what lies around it."""
        metrics = QFontMetricsF(self._letters())
        return QSize(round(metrics.horizontalAdvance(self._word)) + 4, round(metrics.height()) + 6)

    def minimumSizeHint(self) -> QSize:
        """Never less than the word."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the mark and the word over it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self._letters()
        metrics = QFontMetricsF(font)
        baseline = 3 + metrics.ascent()
        width = metrics.horizontalAdvance(self._word)
        palette = self._palette
        box = QRectF(0, 3, width + 4, metrics.height())
        inks(palette)[self._mark].paint(painter, [box], metrics.descent())
        painter.setPen(QColor(colour_of(self._mark, palette) if self._mark in OUTSIDE else palette.text))
        painter.setFont(font)
        painter.drawText(2, round(baseline), self._word)

    def _letters(self) -> QFont:
        font = QFont(self.font())
        font.setStrikeOut(self._mark in GHOSTS)
        font.setItalic(self._mark in (Mark.PENDING, Mark.DISCARDED))
        return font
